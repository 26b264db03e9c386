#ifndef ASSAY_COMMON_WALL_INSTANT_H_
#define ASSAY_COMMON_WALL_INSTANT_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

// An instant as another program writes it.
struct WallInstant {
  int64_t unix_ns = 0;
  int64_t resolution_ns = 1;  // as the text tells: 1 s without a fraction, 1 ms with three digits of it

  // ISO 8601 ("2026-11-22T19:30:49.5Z", PostgreSQL's "2026-11-22 19:30:49.123456+00"), or a number since 1970 in
  // seconds, ms, us or ns, told apart by its size. Without a zone in the text it is of `zone`; where a clock was set
  // back and an hour came twice, the instant nearer to `near_unix_ns` is meant. FailedPrecondition: there is no zone at
  // all, which the caller knows how to mend. InvalidArgument: it is no instant.
  static absl::StatusOr<WallInstant> Parse(std::string_view text, const std::optional<absl::TimeZone>& zone = {},
                                           int64_t near_unix_ns = 0);
};

// UTC or an IANA name; empty: none. Errors name the mend.
absl::StatusOr<std::optional<absl::TimeZone>> ReadZone(const std::string& name);

}  // namespace assay

#endif  // ASSAY_COMMON_WALL_INSTANT_H_
