#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

const Rule kCoordinatorWord{.kind = ValueKind::kWord, .words = {"coordinator"}};

}  // namespace

const Rule kText{.kind = ValueKind::kText};
const Rule kName{.kind = ValueKind::kName};
const Rule kPath{.kind = ValueKind::kPath};
const Rule kSocket{.kind = ValueKind::kSocket};
const Rule kBoolean{.kind = ValueKind::kBoolean};
const Rule kFraction{.kind = ValueKind::kFraction};
const Rule kLabels = TextMapOf(kText);
const Rule kHookWhere = Either(kCoordinatorWord, kLabels);
const Rule kTimeout = Duration(kMs, 365 * kDay);
const Rule kPointer{.kind = ValueKind::kPointer};
const Rule kJson{.kind = ValueKind::kJson, .runtime_names = kTriggerNames};
const Rule kOnceText = Template(kRunNames);
const Rule kPage = Integer(1, 1'000'000);
const Rule kLookEvery = Duration(10 * kMs, kHour);

}  // namespace assay::rules
