#ifndef ASSAY_AGENT_LINKS_NOTICE_H_
#define ASSAY_AGENT_LINKS_NOTICE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

// Keeps a log readable while something is wrong for long: a message is due when it is new, then again every 30 s. Not
// thread-safe.
class Notice {
 public:
  bool Due(std::string_view text, int64_t now_ns) {
    if (text == text_ && now_ns < next_ns_) return false;
    text_ = text;
    next_ns_ = now_ns + kEveryNs;
    return true;
  }
  // All is well again. True if something was said before.
  bool Clear() {
    const bool said = !text_.empty();
    text_.clear();
    return said;
  }

 private:
  static constexpr int64_t kEveryNs = 30'000'000'000;
  std::string text_;
  int64_t next_ns_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LINKS_NOTICE_H_
