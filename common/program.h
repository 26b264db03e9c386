#ifndef ASSAY_COMMON_PROGRAM_H_
#define ASSAY_COMMON_PROGRAM_H_

#include <sys/types.h>

#include <csignal>
#include <string>
#include <string_view>

namespace assay {

// How programs that serve begin.

// Says on stderr what is wrong with the command line; the exit code.
int BadUsage(std::string_view program, std::string_view message);

// The log goes to stderr, each line with its instant. `level`: debug, info, warn or error.
void LogToStderr(const std::string& program, const std::string& level);

// Has this process get the signal when the one that started it ends: `parent`, as getppid gave it at the begin of main.
// False: that one has ended already.
bool EndWithParent(pid_t parent, int signal = SIGTERM);

}  // namespace assay

#endif  // ASSAY_COMMON_PROGRAM_H_
