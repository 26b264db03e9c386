#ifndef ASSAY_AGENT_CGROUPS_TEXT_BUFFER_H_
#define ASSAY_AGENT_CGROUPS_TEXT_BUFFER_H_

#include <optional>
#include <string_view>
#include <vector>

namespace assay {

// One buffer for all kernel files of a tick: a file is read whole by a single pread at offset 0, which makes the kernel
// print it anew.
class TextBuffer {
 public:
  TextBuffer() : bytes_(16 * 1024) {}

  // The file's text, valid until the next Read. nullopt: errno says why (ENODEV: its cgroup is gone). Text beyond 1 MiB
  // is cut.
  std::optional<std::string_view> Read(int fd);

 private:
  std::vector<char> bytes_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_TEXT_BUFFER_H_
