#ifndef ASSAY_CLI_SHELL_WORDS_H_
#define ASSAY_CLI_SHELL_WORDS_H_

#include <string>

namespace assay {

// As a shell reads it back: quoted where it has to be.
std::string ShellWord(const std::string& text);

// " --data DIR" for a command that is to be copied; empty where no flag chose the directory.
std::string DataFlag(const std::string& data_dir, const std::string& flag);

}  // namespace assay

#endif  // ASSAY_CLI_SHELL_WORDS_H_
