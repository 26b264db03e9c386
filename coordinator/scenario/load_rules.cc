#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

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

}  // namespace

const Rule kLoad = MapOf(kLoadShape);

}  // namespace assay::rules
