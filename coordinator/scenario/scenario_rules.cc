#include "coordinator/scenario/scenario_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/grpc_words.h"

namespace assay {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr int64_t kHour = 3'600 * kSecond;
constexpr int64_t kDay = 24 * kHour;

Rule Integer(int64_t min, int64_t max) { return {.kind = ValueKind::kInteger, .min = min, .max = max}; }
Rule Duration(int64_t min, int64_t max) { return {.kind = ValueKind::kDuration, .min = min, .max = max}; }
Rule Rate(int64_t min, int64_t max) { return {.kind = ValueKind::kRate, .min = min, .max = max}; }
Rule Template(uint32_t names) { return {.kind = ValueKind::kTemplate, .runtime_names = names}; }
Rule EngineName(uint32_t names) { return {.kind = ValueKind::kEngineName, .runtime_names = names}; }
Rule ListOf(const Rule& item, int64_t min, int64_t max) {
  return {.kind = ValueKind::kList, .min = min, .max = max, .item = &item};
}
Rule MapOf(const Shape& shape) { return {.kind = ValueKind::kMap, .shape = &shape}; }
Rule TextMapOf(const Rule& item) { return {.kind = ValueKind::kTextMap, .item = &item}; }
Rule Either(const Rule& scalar, const Rule& map) {
  return {.kind = ValueKind::kEither, .item = &scalar, .other = &map};
}

const Rule kText{.kind = ValueKind::kText};
const Rule kName{.kind = ValueKind::kName};
const Rule kPath{.kind = ValueKind::kPath};
const Rule kSocket{.kind = ValueKind::kSocket};
const Rule kBoolean{.kind = ValueKind::kBoolean};
const Rule kFraction{.kind = ValueKind::kFraction};
const Rule kLabels = TextMapOf(kText);
const Rule kCoordinatorWord{.kind = ValueKind::kWord, .words = {"coordinator"}};
const Rule kHookWhere = Either(kCoordinatorWord, kLabels);
const Rule kTimeout = Duration(kMs, 365 * kDay);

// Sleeps.
const Rule kSleepFixed = Duration(0, kDay);
const Rule kSleepPair = ListOf(kSleepFixed, 2, 2);
const Rule kSleepMean = Duration(1, kDay);
const Rule kSleepList = ListOf(kSleepFixed, 1, 10'000);
const Shape kSleepShape{
    .fields = {{"uniform", &kSleepPair, "[shortest, longest]; every length between them is as likely", false, true},
               {"exponential", &kSleepMean, "the mean length", false, true},
               {"list", &kSleepList, "lengths; trigger i takes element i modulo their number", false, true}},
    .atomic = true,
    .choice_required = true};
const Rule kSleepDrawn = MapOf(kSleepShape);
const Rule kSleepLength = Either(kSleepFixed, kSleepDrawn);
const Shape kSleepTrigger{.fields = {{"for", &kSleepLength, "a length, or how lengths are drawn", true}}};
const Rule kSleep = MapOf(kSleepTrigger);

// Processes.
constexpr uint32_t kTriggerNames = kNameAgent | kNameRun | kNameBlock | kNameIndex;
const Rule kExecText = Template(kTriggerNames);
const Rule kExecArgv = ListOf(kExecText, 1, 1'000);
const Rule kExecEnv = TextMapOf(kExecText);
const Shape kExecShape{.fields = {{"argv", &kExecArgv, "program and arguments, started without a shell", true},
                                  {"env", &kExecEnv, "added to the agent's own environment"},
                                  {"cwd", &kExecText, "directory to start in; default: the agent's"},
                                  {"stdin", &kExecText, "what the process reads; default: /dev/null"}}};
const Rule kExec = MapOf(kExecShape);

// Requests.
const Rule kMethod{.kind = ValueKind::kWord, .words = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}};
const Rule kHttpText = Template(kTriggerNames);
const Rule kHttpHeaders = TextMapOf(kHttpText);
const Rule kTokenText = Template(kTriggerNames | kNameToken);
const Rule kTokenHeaders = TextMapOf(kTokenText);
const Rule kPointer{.kind = ValueKind::kPointer};
const Rule kJson{.kind = ValueKind::kJson, .runtime_names = kTriggerNames};
const Shape kBodyShape{.fields = {{"text", &kHttpText, "as it is", false, true},
                                  {"json", &kJson, "any value, sent as JSON with its content type", false, true}},
                       .atomic = true,
                       .choice_required = true};
const Rule kBody = MapOf(kBodyShape);
const Rule kStatus{.kind = ValueKind::kStatus};
const Shape kExpectShape{.fields = {{"status", &kStatus, "what is ok: 200, 2xx, or a list; default: 2xx"}}};
const Rule kExpect = MapOf(kExpectShape);
const Rule kHttpVersion{.kind = ValueKind::kWord, .words = {"auto", "1.1", "2"}};
const Shape kTlsShape{.fields = {{"verify", &kBoolean, "whether the certificate is checked; default: true"},
                                 {"ca", &kPath, "PEM file on the agent's host; default: the system's"}}};
const Rule kTls = MapOf(kTlsShape);
const Rule kOnceText = Template(kNameAgent | kNameRun | kNameBlock);
const Rule kOnceHeaders = TextMapOf(kOnceText);
const Rule kOnceJson{.kind = ValueKind::kJson, .runtime_names = kNameAgent | kNameRun | kNameBlock};
const Shape kOnceBodyShape{
    .fields = {{"text", &kOnceText, "as it is", false, true},
               {"json", &kOnceJson, "any value, sent as JSON with its content type", false, true}},
    .atomic = true,
    .choice_required = true};
const Rule kOnceBody = MapOf(kOnceBodyShape);
const Shape kLoginShape{.fields = {{"url", &kOnceText, "http:// or https://; asked once before T0", true},
                                   {"method", &kMethod, "default: GET, or POST with a body"},
                                   {"headers", &kOnceHeaders, "sent with it"},
                                   {"body", &kOnceBody, "what is sent"},
                                   {"token", &kPointer, "JSON pointer to $(token) in the answer", true}}};
const Rule kLogin = MapOf(kLoginShape);
const Shape kHttpShape{
    .fields = {{"url", &kHttpText, "http:// or https://", true},
               {"method", &kMethod, "default: GET, or POST with a body"},
               {"headers", &kTokenHeaders, "sent with every request"},
               {"body", &kBody, "what is sent"},
               {"login", &kLogin, "a request before T0 that gives $(token) for headers"},
               {"expect", &kExpect, "what counts as ok"},
               {"version", &kHttpVersion, "auto: 2 where TLS offers it, else 1.1; 2 without TLS: with prior knowledge"},
               {"tls", &kTls, "of https://"},
               {"connect_timeout", &kTimeout, "of resolving, connecting and TLS; default: the trigger's timeout"},
               {"first_byte_timeout", &kTimeout, "until the answer begins; default: the trigger's timeout"}}};
const Rule kHttp = MapOf(kHttpShape);

// gRPC calls.
const Rule kGrpcTarget = Template(kNameAgent | kNameRun | kNameBlock);
const Rule kGrpcCode{.kind = ValueKind::kWord, .words = {kGrpcCodeNames.begin(), kGrpcCodeNames.end()}};
const Shape kGrpcExpectShape{.fields = {{"status", &kGrpcCode, "the code that is ok; default: OK"}}};
const Rule kGrpcExpect = MapOf(kGrpcExpectShape);
const Rule kGrpcConnections = Integer(1, 1'000);
const Shape kGrpcShape{
    .fields = {{"target", &kGrpcTarget, "HOST:PORT or unix:PATH; connected to before T0", true},
               {"method", &kText, "of unary calls: pkg.Service/Call", true},
               {"json", &kJson, "the request, encoded by what the server or descriptors say", false, true},
               {"bytes", &kText, "the encoded request, in base64", false, true},
               {"descriptors", &kPath, "FileDescriptorSet on the agent's host; default: the server's reflection"},
               {"metadata", &kHttpHeaders, "sent with every call; names are in lower case"},
               {"expect", &kGrpcExpect, "what counts as ok"},
               {"tls", &kTls, "absent: no TLS; {}: the system's certificates"},
               {"connections", &kGrpcConnections, "of one agent; default: 1"}}};
const Rule kGrpc = MapOf(kGrpcShape);

// Processes in containers.
const Rule kEngineInFlight = Integer(1, 10'000);
const Rule kContainerName = EngineName(kTriggerNames);
const Shape kContainerShape{
    .fields = {{"name", &kContainerName, "name or id of a running container", true},
               {"argv", &kExecArgv, "program and arguments, started in it without a shell", true},
               {"env", &kExecEnv, "added to the container's environment"},
               {"cwd", &kExecText, "directory to start in; default: the container's"},
               {"user", &kText, "default: the container's"},
               {"socket", &kSocket, "the engine's unix socket on the agent's host; default: /var/run/docker.sock"},
               {"in_flight", &kEngineInFlight, "on one agent at most, further ones wait; default: 100"}}};
const Rule kContainer = MapOf(kContainerShape);

// Drivers. They are started before T0, so only a task can know its index.
constexpr uint32_t kRunNames = kNameAgent | kNameRun | kNameBlock;
const Rule kDriverText = Template(kRunNames);
const Rule kDriverArgv = ListOf(kDriverText, 1, 1'000);
const Rule kDriverEnv = TextMapOf(kDriverText);
const Rule kDriverOptions{.kind = ValueKind::kJson, .runtime_names = kRunNames};
const Rule kDriverBatch = Integer(1, 10'000);
const Rule kPrepareTimeout = Duration(100 * kMs, kHour);
const Shape kDriverTaskShape{.fields = {{"json", &kJson, "any value, as it comes with each task", true}},
                             .atomic = true};
const Rule kDriverTask = MapOf(kDriverTaskShape);
const Shape kDriverShape{
    .fields = {
        {"argv", &kDriverArgv, "program and arguments, started once per run and agent, without a shell", true},
        {"env", &kDriverEnv, "added to the agent's own environment"},
        {"cwd", &kDriverText, "directory to start in; default: the agent's"},
        {"options", &kDriverOptions, "a map for the driver's prepare"},
        {"sleep", &kSleepLength, "nominal length of each task, or how lengths are drawn; default: none"},
        {"task", &kDriverTask, "what comes with each task"},
        {"batch", &kDriverBatch, "tasks in one line at most; default: 500"},
        {"prepare_timeout", &kPrepareTimeout, "until it is ready, and later until it is drained; default: 60s"}}};
const Rule kDriver = MapOf(kDriverShape);

const Shape kTriggerShape{.fields = {{"sleep", &kSleep, "waits, and does nothing", false, true},
                                     {"exec", &kExec, "a process", false, true},
                                     {"container", &kContainer, "a process in a container", false, true},
                                     {"http", &kHttp, "a request", false, true},
                                     {"grpc", &kGrpc, "a gRPC call", false, true},
                                     {"driver", &kDriver, "a task for a driver, a program of yours", false, true},
                                     {"sql", nullptr, "", false, true},
                                     {"timeout", &kTimeout, "a trigger that takes longer is ended; default: none"}},
                          .choice_required = true};
const Rule kTrigger = MapOf(kTriggerShape);

// Load.
const Rule kConcurrency = Integer(1, 1'000'000);
const Shape kClosedShape{
    .fields = {{"concurrency", &kConcurrency, "triggers in flight over all agents together", true}}};
const Rule kClosed = MapOf(kClosedShape);
const Rule kTriggers = Integer(1, 100'000'000);
const Rule kLoadDuration = Duration(kMs, 365 * kDay);
const Rule kRate = Rate(1, 10'000'000'000);
const Rule kRateOrPause = Rate(0, 10'000'000'000);
const Shape kRampShape{.fields = {{"from", &kRateOrPause, "the rate at T0", true},
                                  {"to", &kRateOrPause, "the rate at its end", true},
                                  {"over", &kLoadDuration, "how long it takes; then no more triggers are due", true}},
                       .atomic = true};
const Rule kRamp = MapOf(kRampShape);
const Shape kStepShape{.fields = {{"rate", &kRateOrPause, "constant over the step; 0/s is a pause", true},
                                  {"for", &kLoadDuration, "how long it lasts", true}},
                       .atomic = true};
const Rule kStep = MapOf(kStepShape);
const Rule kSteps = ListOf(kStep, 1, 1'000);
const Rule kWaveEvery = Duration(kMs, 365 * kDay);
const Rule kArrivals{.kind = ValueKind::kWord, .words = {"constant", "poisson"}};
const Rule kDeadline = Duration(kMs, 365 * kDay);
const Shape kOpenShape{
    .fields = {{"rate", &kRate, "triggers that become due per second", false, true},
               {"ramp", &kRamp, "a rate that rises or falls evenly", false, true},
               {"steps", &kSteps, "one rate after the other", false, true},
               {"burst", &kTriggers, "so many, all due at T0", false, true},
               {"every", &kWaveEvery, "a wave at T0 and then at this period", false, true},
               {"trace", &kPath, "a file of instants, one per line, in seconds since T0", false, true},
               {"size", &kTriggers, "of every wave, triggers; default: 1"},
               {"arrivals", &kArrivals, "of rate, ramp and steps: evenly spaced, or at random; default: constant"},
               {"deadline", &kDeadline, "a trigger that waits longer to be started is skipped; default: it waits"},
               {"in_flight", &kConcurrency, "at most, over all agents together; the others wait; default: 1000"}},
    .choice_required = true};
const Rule kOpen = MapOf(kOpenShape);
const Shape kLoadShape{
    .fields = {{"closed", &kClosed, "a new trigger starts when one ends", false, true},
               {"open", &kOpen, "triggers are due at their own instants, whatever the others take", false, true},
               {"triggers", &kTriggers, "how many are fired in a run"},
               {"duration", &kLoadDuration, "triggers are due for so long after T0, its end excluded"}},
    .choice_required = true};
const Rule kLoad = MapOf(kLoadShape);

// Completion.
const Rule kRunUrl = Template(kNameAgent | kNameRun | kNameBlock | kNameRemoteId | kNamePage);
const Rule kRunHeaderText = Template(kNameAgent | kNameRun | kNameBlock | kNameToken);
const Rule kRunHeaders = TextMapOf(kRunHeaderText);
const Rule kStates = ListOf(kText, 1, 1'000);
const Rule kPage = Integer(1, 1'000'000);
const Rule kLookEvery = Duration(10 * kMs, kHour);
const Field kDone{"done", &kStates, "states in which it has ended well", true};
const Field kFailed{"failed", &kStates, "states in which it has ended otherwise; all others: it goes on"};
const Field kEvery{"every", &kLookEvery, "time between two looks; default: 500ms"};
const Shape kCompletionHttpShape{
    .fields = {{"url", &kRunUrl, "with $(remote_id): a request for each run; without: a listing of many", true},
               {"headers", &kRunHeaders, "sent with every request"},
               {"login", &kLogin, "a request before T0 that gives $(token) for headers; default: the trigger's"},
               {"items", &kPointer, "JSON pointer to a listing's list"},
               {"id", &kPointer, "JSON pointer to the id, in an item of it"},
               {"state", &kPointer, "JSON pointer to the state, in the answer or the item", true},
               {"finished", &kPointer, "JSON pointer to the instant of its end; default: when it is seen"},
               {"page", &kPage, "items of one request, with $(offset) and $(limit) in the url; default: all in one"},
               kDone,
               kFailed,
               kEvery}};
const Rule kCompletionHttp = MapOf(kCompletionHttpShape);
const Shape kCompletionPostgresShape{
    .fields = {{"url", &kOnceText, "postgresql://...", true},
               {"query", &kText, "gives id, state and maybe finished of the runs whose ids are in $1, text[]", false,
                true},
               {"query_file", &kPath, "a file with the query, beside the scenario", false, true},
               {"listen", &kText, "a channel whose notifications bring the next look forward"},
               kDone,
               kFailed,
               kEvery},
    .choice_required = true};
const Rule kCompletionPostgres = MapOf(kCompletionPostgresShape);
const Shape kPatternShape{.fields = {{"pattern", &kText, "a regular expression; its first group is the id", true}},
                          .atomic = true};
const Rule kPattern = MapOf(kPatternShape);
const Rule kRemoteId = Either(kPointer, kPattern);
const Shape kCompletionShape{
    .fields = {{"http", &kCompletionHttp, "asks an HTTP API", false, true},
               {"postgres", &kCompletionPostgres, "asks the target's database", false, true},
               {"remote_id", &kRemoteId, "where the trigger's answer has the id: a JSON pointer, or a pattern", true},
               {"timeout", &kTimeout, "since the answer; default: the trigger's timeout goes on"}},
    .choice_required = true};
const Rule kCompletion = MapOf(kCompletionShape);

// Hooks.
const Rule kWaitFor{.kind = ValueKind::kWord, .words = {"running", "healthy"}};
Shape ActionShape(const Rule& name) {
  return {
      .fields = {{"restart", &name, "stopped and started again: those that run, or all if none does", false, true},
                 {"stop", &name, "until it has ended", false, true},
                 {"start", &name, "", false, true},
                 {"wait", &kWaitFor, "for each that is started, before the next one is; default: no wait"},
                 {"socket", &kSocket, "the engine's unix socket on the agent's host; default: /var/run/docker.sock"}},
      .atomic = true,
      .choice_required = true};
}
Shape HookShape(const Rule& text, const Rule& argv, const Rule& env, const Rule& action) {
  return {.fields = {{"argv", &argv, "program and arguments, started without a shell; it must exit 0", false, true},
                     {"container", &action, "stops and starts a container, by its name or id", false, true},
                     {"compose", &action, "stops and starts the containers of a Compose project", false, true},
                     {"env", &env, "added to the environment"},
                     {"cwd", &text, "directory to start in"},
                     {"timeout", &kTimeout, "it fails when it takes longer; default: 60s"},
                     {"where", &kHookWhere,
                      "coordinator, or labels: on every agent that has them (default: every agent that fires)"}},
          .choice_required = true};
}
const Rule kSweepHookText = Template(kNameAgent);
const Rule kSweepHookArgv = ListOf(kSweepHookText, 1, 1'000);
const Rule kSweepHookEnv = TextMapOf(kSweepHookText);
const Rule kSweepActionName = EngineName(kNameAgent);
const Shape kSweepActionShape = ActionShape(kSweepActionName);
const Rule kSweepAction = MapOf(kSweepActionShape);
const Shape kSweepHookShape = HookShape(kSweepHookText, kSweepHookArgv, kSweepHookEnv, kSweepAction);
const Rule kSweepHook = MapOf(kSweepHookShape);
const Rule kRunHookText = Template(kNameAgent | kNameRun | kNameBlock);
const Rule kRunHookArgv = ListOf(kRunHookText, 1, 1'000);
const Rule kRunHookEnv = TextMapOf(kRunHookText);
const Rule kRunActionName = EngineName(kNameAgent | kNameRun | kNameBlock);
const Shape kRunActionShape = ActionShape(kRunActionName);
const Rule kRunAction = MapOf(kRunActionShape);
const Shape kRunHookShape = HookShape(kRunHookText, kRunHookArgv, kRunHookEnv, kRunAction);
const Rule kRunHook = MapOf(kRunHookShape);
const Field kBeforeRun{"before_run", &kRunHook, "before every run, when its agents are chosen"};
const Field kAfterRun{"after_run", &kRunHook, "after every run"};
const Shape kHooksShape{.fields = {{"before_sweep", &kSweepHook, "once, before the first run"},
                                   {"after_sweep", &kSweepHook, "once, after the last run"},
                                   kBeforeRun,
                                   kAfterRun}};
const Rule kHooks = MapOf(kHooksShape);
const Shape kRunHooksShape{.fields = {kBeforeRun, kAfterRun}};
const Rule kRunHooks = MapOf(kRunHooksShape);

// Sampling.
const Rule kSampleEvery = Duration(10 * kMs, kHour);
const Rule kCooldown = Duration(0, kHour);
const Rule kCgroup{.kind = ValueKind::kCgroup};
const Rule kCgroups = ListOf(kCgroup, 0, 1'000);
const Rule kNameGlob{.kind = ValueKind::kGlob, .max = 1};
const Rule kNameGlobs = ListOf(kNameGlob, 0, 1'000);
const Rule kPairGlob{.kind = ValueKind::kGlob, .max = 2};
const Rule kPairGlobs = ListOf(kPairGlob, 0, 1'000);
const Shape kSampleShape{
    .fields = {
        {"every", &kSampleEvery, "time between two samples; default: 1s"},
        {"cooldown", &kCooldown, "sampling goes on this long after the last trigger; default: 5s"},
        {"host", &kBoolean, "sample the host too; default: true"},
        {"run", &kBoolean,
         "the processes of exec or driver triggers, in a cgroup of their own, as 'run'; default: false"},
        {"where", &kLabels, "labels; default: the agents that fire"},
        {"cgroups", &kCgroups, "path globs below the cgroup root, or @alias"},
        {"containers", &kNameGlobs, "containers by name or glob, or by 12 digits of the id or more"},
        {"compose", &kPairGlobs, "containers of a Compose project, or of project/service"},
        {"labels", &kLabels, "containers that have every one of these labels"},
        {"units", &kNameGlobs, "systemd units by name or glob, wherever they are in the hierarchy"},
        {"pods", &kPairGlobs, "containers of a Kubernetes pod: name, or namespace/name"},
        {"socket", &kSocket, "the container engine's unix socket on the agent's host; default: /var/run/docker.sock"}}};
const Rule kSample = MapOf(kSampleShape);

// Collectors.
const Rule kCollectText = Template(kNameAgent | kNameRun | kNameBlock);
const Rule kCollectUrl = Template(kNameAgent | kNameRun | kNameBlock | kNameRemoteId | kNamePage);
const Rule kCollectTexts = TextMapOf(kCollectText);
const Rule kCollectHeader = Template(kNameAgent | kNameRun | kNameBlock | kNameToken);
const Rule kCollectHeaders = TextMapOf(kCollectHeader);
const Shape kPostgresShape{
    .fields = {{"url", &kCollectText, "of the target's database: postgresql://user@host:5432/database", true},
               {"query", &kText, "its columns name the fields of a task", false, true},
               {"query_file", &kPath, "the same in a file, relative to the scenario's", false, true}},
    .atomic = true,
    .choice_required = true};
const Rule kPostgres = MapOf(kPostgresShape);
const Rule kFieldTexts = TextMapOf(kText);
const Shape kCsvShape{
    .fields = {{"files", &kCollectText, "path or glob, on the host that collects", true},
               {"columns", &kFieldTexts, "field of a task: column; default: columns that are called as the field"}},
    .atomic = true};
const Rule kCsv = MapOf(kCsvShape);
const Shape kHttpCollectShape{
    .fields = {{"url", &kCollectUrl, "with $(offset) and $(limit) for pages, with $(remote_id) for one request each",
                true},
               {"headers", &kCollectHeaders, "sent with every request"},
               {"login", &kLogin, "a request before the first look that gives $(token); default: the trigger's"},
               {"items", &kText, "JSON pointer to the array of tasks; default: the answer itself"},
               {"fields", &kFieldTexts, "field of a task: JSON pointer in an item", true},
               {"page", &kPage, "items of one request; default: all in one"}},
    .atomic = true};
const Rule kHttpCollect = MapOf(kHttpCollectShape);
const Rule kMetricStep = Duration(10 * kMs, kHour);
const Shape kPrometheusShape{.fields = {{"url", &kCollectText, "of the Prometheus server", true},
                                        {"queries", &kCollectTexts, "name: PromQL", true},
                                        {"step", &kMetricStep, "between two samples; default: 1s"}},
                             .atomic = true};
const Rule kPrometheus = MapOf(kPrometheusShape);
const Rule kResolution = Duration(1, kHour);
const Rule kExpectRecords = Integer(1, 1'000'000'000);
const Rule kQuiet = Duration(0, kHour);
const Rule kCollectDeadline = Duration(0, kDay);
const Rule kOutcome{.kind = ValueKind::kWord, .words = {"ok", "failed", "timeout", "cancelled", "skipped"}};
const Rule kOutcomes = TextMapOf(kOutcome);
const Shape kCollectShape{
    .fields = {{"postgres", &kPostgres, "rows of a query", false, true},
               {"csv", &kCsv, "files with a header", false, true},
               {"http", &kHttpCollect, "JSON, in pages", false, true},
               {"prometheus", &kPrometheus, "metrics, as rows of metric_sample", false, true},
               {"where", &kHookWhere, "coordinator (default), or labels: on the first agent that has them"},
               {"zone", &kText, "of instants that have none: UTC or an IANA name; default: those are refused"},
               {"resolution", &kResolution, "of the target's instants; default: as their text tells"},
               {"expect", &kExpectRecords, "records that make them complete; default: as many as triggers were ok"},
               {"every", &kLookEvery, "time between two looks; default: 1s"},
               {"quiet", &kQuiet, "complete records must not change for so long; default: 2s"},
               {"deadline", &kCollectDeadline, "after the run's last finish; default: 60s"},
               {"outcomes", &kOutcomes, "state of the target: ok, failed, timeout, cancelled or skipped"}},
    .atomic = true,
    .choice_required = true};
const Rule kCollector = MapOf(kCollectShape);
const Rule kCollect{.kind = ValueKind::kOneOrMore, .min = 1, .max = 20, .item = &kCollector};

// Cells and targets.
const Field kTriggerField{"trigger", &kTrigger, "what is fired", true};
const Field kLoadField{"load", &kLoad, "how much, and how fast", true};
const Field kCompletionField{"completion", &kCompletion, "how the work that a trigger starts is followed to its end"};
const Field kSampleField{"sample", &kSample, "what is sampled; absent: nothing"};
const Field kCollectField{"collect", &kCollect, "the target's own records, read after a run"};
const Shape kCellShape{.fields = {kTriggerField,
                                  kLoadField,
                                  kCompletionField,
                                  kSampleField,
                                  {"hooks", &kRunHooks, "commands around a run"},
                                  kCollectField}};
const Rule kCell = MapOf(kCellShape);
const Rule kAxes{.kind = ValueKind::kAxes};
const Field kGridField{"grid", &kAxes, "axes; cells are their product. Those in zip move together"};
const Shape kTargetShape{.fields = {{"trigger", &kTrigger, "what is fired at this target"},
                                    {"load", &kLoad, "what differs for this target"},
                                    kCompletionField,
                                    kSampleField,
                                    {"hooks", &kRunHooks, "commands around this target's runs"},
                                    kGridField,
                                    {"setup", nullptr, ""},
                                    {"teardown", nullptr, ""},
                                    kCollectField}};
const Rule kTarget = MapOf(kTargetShape);
const Rule kTargets{.kind = ValueKind::kTargets, .item = &kTarget};

// The sweep.
const Rule kSeed = Integer(0, INT64_MAX);
const Rule kBlocks = Integer(1, 10'000);
const Rule kCellLimit = Integer(1, 100'000);
const Shape kCellsShape{.fields = {{"limit", &kCellLimit, "a larger grid is refused; default: 500"}}};
const Rule kCells = MapOf(kCellsShape);
const Rule kAgentCount = Integer(1, 10'000);
const Shape kAgentsShape{.fields = {{"select", &kLabels, "labels that an agent must have; default: every agent"},
                                    {"count", &kAgentCount, "the sweep waits for at least this many; default: 1"}}};
const Rule kAgents = MapOf(kAgentsShape);
const Rule kLossWord{.kind = ValueKind::kWord, .words = {"fail", "accept"}};
const Rule kRepeat = Integer(0, 100);
const Shape kLossShape{.fields = {{"repeat", &kRepeat, "try the run again, at most this often", true}}, .atomic = true};
const Rule kLossMap = MapOf(kLossShape);
const Rule kOnAgentLoss = Either(kLossWord, kLossMap);
const Rule kLimitDuration = Duration(0, kDay);
const Shape kLimitsShape{.fields = {{"failures", &kFraction, "triggers that are not ok, of all"},
                                    {"slip_p99", &kLimitDuration, "99th percentile of how late triggers started"},
                                    {"start_skew", &kLimitDuration, "between the first dispatches of the agents"}}};
const Rule kLimits = MapOf(kLimitsShape);

const Shape kScenarioShape{
    .fields = {{"name", &kName, "of the scenario; the target's name where there are no targets", true},
               {"about", &kText, "what it is for, in words"},
               {"seed", &kSeed, "order of cells and lengths of sleeps follow from it; default: 1"},
               {"blocks", &kBlocks, "each runs every cell once, in its own shuffled order; default: 1"},
               kGridField,
               {"cells", &kCells, "bound on the number of cells"},
               {"agents", &kAgents, "who fires"},
               {"load", &kLoad, "how much, and how fast"},
               {"trigger", &kTrigger, "what is fired"},
               kCompletionField,
               {"targets", &kTargets, "several systems under the same load; each gives what differs"},
               {"hooks", &kHooks, "commands around the sweep and its runs"},
               kSampleField,
               kCollectField,
               {"on_agent_loss", &kOnAgentLoss, "what becomes of a run whose agent died; default: {repeat: 2}"},
               {"limits", &kLimits, "a run beyond one of them is rejected"},
               {"compare", nullptr, ""}}};
const Rule kScenario = MapOf(kScenarioShape);

// Depth first; the first place where the key is known and supported.
bool FindPath(const Rule& rule, std::string_view key, std::string& path) {
  if (rule.kind == ValueKind::kEither) return FindPath(*rule.other, key, path);
  if (rule.kind == ValueKind::kOneOrMore) return FindPath(*rule.item, key, path);
  if (rule.kind != ValueKind::kMap) return false;
  if (const Field* field = FindField(*rule.shape, key); field != nullptr && field->rule != nullptr) return true;
  for (const Field& field : rule.shape->fields) {
    if (field.rule == nullptr) continue;
    std::string below = path.empty() ? std::string(field.key) : fmt::format("{}.{}", path, field.key);
    if (FindPath(*field.rule, key, below)) {
      path = below;
      return true;
    }
  }
  return false;
}

}  // namespace

const Rule& ScenarioRule() { return kScenario; }
const Rule& CellRule() { return kCell; }
const Rule& TargetRule() { return kTarget; }

const Field* FindField(const Shape& shape, std::string_view key) {
  const auto found =
      std::find_if(shape.fields.begin(), shape.fields.end(), [&](const Field& field) { return field.key == key; });
  return found == shape.fields.end() ? nullptr : &*found;
}

std::vector<std::string> SupportedKeys(const Shape& shape) {
  std::vector<std::string> keys;
  for (const Field& field : shape.fields) {
    if (field.rule != nullptr) keys.emplace_back(field.key);
  }
  return keys;
}

std::string PathOfKey(std::string_view key) {
  std::string path;
  return FindPath(kScenario, key, path) ? path : "";
}

}  // namespace assay
