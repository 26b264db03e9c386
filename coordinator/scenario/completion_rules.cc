#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

const Rule kRunUrl = Template(kRunNames | kNameRemoteId | kNamePage);
const Rule kRunHeaderText = Template(kRunNames | kNameToken);
const Rule kRunHeaders = TextMapOf(kRunHeaderText);
const Rule kStates = ListOf(kText, 1, 1'000);
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

}  // namespace

const Rule kCompletion = MapOf(kCompletionShape);

}  // namespace assay::rules
