#ifndef ASSAY_COORDINATOR_SCENARIO_RULE_PARTS_H_
#define ASSAY_COORDINATOR_SCENARIO_RULE_PARTS_H_

#include <cstdint>

#include "common/nanoseconds.h"
#include "coordinator/scenario/scenario_rules.h"

// What the files of the language's table share. They are initialised in no known order, so one may only take the
// address of what another defines, as these functions do; a Field or a Shape that is copied stays in one file.
namespace assay::rules {
constexpr int64_t kHour = 3'600 * kSecond;
constexpr int64_t kDay = 24 * kHour;

constexpr uint32_t kRunNames = kNameAgent | kNameRun | kNameBlock;
constexpr uint32_t kTriggerNames = kRunNames | kNameIndex;

inline Rule Integer(int64_t min, int64_t max) { return {.kind = ValueKind::kInteger, .min = min, .max = max}; }
inline Rule Duration(int64_t min, int64_t max) { return {.kind = ValueKind::kDuration, .min = min, .max = max}; }
inline Rule Rate(int64_t min, int64_t max) { return {.kind = ValueKind::kRate, .min = min, .max = max}; }
inline Rule Template(uint32_t names) { return {.kind = ValueKind::kTemplate, .runtime_names = names}; }
inline Rule EngineName(uint32_t names) { return {.kind = ValueKind::kEngineName, .runtime_names = names}; }
inline Rule ListOf(const Rule& item, int64_t min, int64_t max) {
  return {.kind = ValueKind::kList, .min = min, .max = max, .item = &item};
}
inline Rule MapOf(const Shape& shape) { return {.kind = ValueKind::kMap, .shape = &shape}; }
inline Rule TextMapOf(const Rule& item) { return {.kind = ValueKind::kTextMap, .item = &item}; }
inline Rule Either(const Rule& scalar, const Rule& map) {
  return {.kind = ValueKind::kEither, .item = &scalar, .other = &map};
}

// rule_parts.cc
extern const Rule kText;
extern const Rule kName;
extern const Rule kPath;
extern const Rule kSocket;
extern const Rule kBoolean;
extern const Rule kFraction;
extern const Rule kLabels;
extern const Rule kHookWhere;
extern const Rule kTimeout;
extern const Rule kPointer;
extern const Rule kJson;
extern const Rule kOnceText;
extern const Rule kPage;
extern const Rule kLookEvery;

// request_rules.cc
extern const Rule kLogin;
extern const Rule kHttp;
extern const Rule kGrpc;

extern const Rule kTrigger;
extern const Rule kLoad;
extern const Rule kCompletion;
extern const Rule kHooks;     // of a sweep
extern const Rule kRunHooks;  // of a cell
extern const Rule kTargetHook;
extern const Rule kSample;
extern const Rule kCollect;

}  // namespace assay::rules

#endif  // ASSAY_COORDINATOR_SCENARIO_RULE_PARTS_H_
