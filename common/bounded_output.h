#ifndef ASSAY_COMMON_BOUNDED_OUTPUT_H_
#define ASSAY_COMMON_BOUNDED_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

// The first and the last 4 KiB of what a process wrote, in bounded memory however much it writes.
class BoundedOutput {
 public:
  static constexpr size_t kKeep = 4096;

  void Append(std::string_view bytes);
  // Head and tail; where bytes were left out between them, a line that says how many.
  std::string Text() const;
  uint64_t total_bytes() const { return total_; }

 private:
  std::string head_;
  std::string tail_;       // ring of kKeep bytes once full
  size_t tail_begin_ = 0;  // where the oldest byte of the ring is
  uint64_t total_ = 0;
};

// "exited with 3; its output ends with: no such table": the last line that is not blank, as UTF-8 without control
// characters and bounded. `what` alone if there is none.
std::string WithLastLine(std::string what, std::string_view output);

}  // namespace assay

#endif  // ASSAY_COMMON_BOUNDED_OUTPUT_H_
