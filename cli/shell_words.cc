#include "cli/shell_words.h"

namespace assay {

std::string ShellWord(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:,@%=";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string DataFlag(const std::string& data_dir, const std::string& flag) {
  return flag.empty() ? "" : " --data " + ShellWord(data_dir);
}

}  // namespace assay
