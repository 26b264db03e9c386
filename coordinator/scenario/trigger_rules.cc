#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

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
const Rule kExecText = Template(kTriggerNames);
const Rule kExecArgv = ListOf(kExecText, 1, 1'000);
const Rule kExecEnv = TextMapOf(kExecText);
const Shape kExecShape{.fields = {{"argv", &kExecArgv, "program and arguments, started without a shell", true},
                                  {"env", &kExecEnv, "added to the agent's own environment"},
                                  {"cwd", &kExecText, "directory to start in; default: the agent's"},
                                  {"stdin", &kExecText, "what the process reads; default: /dev/null"}}};
const Rule kExec = MapOf(kExecShape);

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

}  // namespace

const Rule kTrigger = MapOf(kTriggerShape);

}  // namespace assay::rules
