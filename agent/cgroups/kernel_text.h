#ifndef ASSAY_AGENT_CGROUPS_KERNEL_TEXT_H_
#define ASSAY_AGENT_CGROUPS_KERNEL_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay {

// The grammar that all files of cgroupfs and procfs share. Pure: any bytes are fine.

// Takes the next line, without its end, off `text`; nullopt when there is none. The kernel ends every line, so an
// unfinished last line was cut and its number may lack digits: it is dropped.
std::optional<std::string_view> TakeLine(std::string_view& text);

// Takes the next field, up to a blank or tab, off `line`; empty when there is none.
std::string_view TakeField(std::string_view& line);

// A count of the kernel's, which prints unsigned 64-bit numbers and "max". What does not fit, and "max", is INT64_MAX;
// what is not all digits, or longer than 64 bits, is no number.
std::optional<int64_t> ParseCount(std::string_view field);

// For counts (never negative): stay at INT64_MAX instead of overflowing.
int64_t SaturatingSum(int64_t a, int64_t b);
int64_t SaturatingProduct(int64_t a, int64_t b);

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_KERNEL_TEXT_H_
