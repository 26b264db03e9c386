#ifndef ASSAY_CLI_VERBS_USAGE_ERROR_H_
#define ASSAY_CLI_VERBS_USAGE_ERROR_H_

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace assay {

// What is wrong with the command line, of which command, the name that was probably meant, and where the help is.
std::string UsageErrorText(const CLI::App& app, const CLI::ParseError& error);

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_USAGE_ERROR_H_
