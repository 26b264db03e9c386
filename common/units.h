#ifndef ASSAY_COMMON_UNITS_H_
#define ASSAY_COMMON_UNITS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

// Scalars with units, as scenarios and flags write them. Errors name the text and what is expected.
absl::StatusOr<int64_t> ParseDurationNs(std::string_view text);  // 10ms 30s 2m 1.5h 250us 7ns; 0 needs no unit
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);      // 4KiB 1MiB 2GiB 512B 10kB 3MB
absl::StatusOr<double> ParseFraction(std::string_view text);     // 1% or 0.01 -> 0.01; within [0, 1]
absl::StatusOr<double> ParseRate(std::string_view text);         // 500/s 30/m 2/h 1.5/s -> per second

// For people: "1.5 s", "250 us", "2 min 3 s"; "1.2 GiB"; "16,000".
std::string FormatDuration(int64_t ns);
std::string FormatBytes(uint64_t bytes);
// "2026-05-08T12:00:00.123456Z" with `separator` 'T'.
std::string UtcText(int64_t unix_ns, char separator);
std::string FormatCount(double value);
std::string CountText(uint64_t n);
std::string Counted(uint64_t n, std::string_view noun);  // "1 run", "16,000 runs"

}  // namespace assay

#endif  // ASSAY_COMMON_UNITS_H_
