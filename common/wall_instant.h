#ifndef ASSAY_COMMON_WALL_INSTANT_H_
#define ASSAY_COMMON_WALL_INSTANT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

namespace assay {

// An instant as another program writes it.
struct WallInstant {
  int64_t unix_ns = 0;
  int64_t resolution_ns = 1;  // the smallest step that its text can tell

  // ISO 8601 with a zone ("2026-11-22T19:30:47.12Z", "2026-11-22 19:30:47+00"), or a number of seconds, milliseconds,
  // microseconds or nanoseconds since 1970, told apart by its size. InvalidArgument: it is neither, or has no zone.
  static absl::StatusOr<WallInstant> Parse(std::string text);
};

}  // namespace assay

#endif  // ASSAY_COMMON_WALL_INSTANT_H_
