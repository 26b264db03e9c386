#include "common/bounded_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kLineBytes = 200;
constexpr std::string_view kBlank = " \t\r\n";

}  // namespace

void BoundedOutput::Append(std::string_view bytes) {
  total_ += bytes.size();
  const size_t to_head = std::min(kKeep - head_.size(), bytes.size());
  head_.append(bytes.substr(0, to_head));
  bytes.remove_prefix(to_head);
  if (bytes.size() > kKeep) bytes.remove_prefix(bytes.size() - kKeep);
  const size_t to_grow = std::min(kKeep - tail_.size(), bytes.size());
  tail_.append(bytes.substr(0, to_grow));
  bytes.remove_prefix(to_grow);
  for (const char c : bytes) {
    tail_[tail_begin_] = c;
    tail_begin_ = (tail_begin_ + 1) % kKeep;
  }
}

std::string BoundedOutput::Text() const {
  std::string text = head_;
  const uint64_t left_out = total_ - head_.size() - tail_.size();
  if (left_out > 0) text += fmt::format("\n[... {} bytes left out ...]\n", left_out);
  text.append(tail_, tail_begin_);
  text.append(tail_, 0, tail_begin_);
  return text;
}

std::string WithLastLine(std::string what, std::string_view output) {
  const size_t end = output.find_last_not_of(kBlank);
  if (end == std::string_view::npos) return what;
  output = output.substr(0, end + 1);
  output.remove_prefix(output.find_last_of("\r\n") + 1);
  output.remove_prefix(std::min(output.find_first_not_of(kBlank), output.size()));
  return what + "; its output ends with: " + PlainText(output, kLineBytes);
}

}  // namespace assay
