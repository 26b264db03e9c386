#ifndef ASSAY_CLI_ASSAY_MAIN_H_
#define ASSAY_CLI_ASSAY_MAIN_H_

namespace assay {

// The `assay` program. Returns its exit code (see exit_code.h).
int AssayMain(int argc, const char* const* argv);

}  // namespace assay

#endif  // ASSAY_CLI_ASSAY_MAIN_H_
