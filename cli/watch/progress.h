#ifndef ASSAY_CLI_WATCH_PROGRESS_H_
#define ASSAY_CLI_WATCH_PROGRESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"

namespace assay {

// How a sweep's progress reads. Pure: text from messages, no terminal.

// The live block of a terminal that is `width` columns wide: no line is wider.
std::vector<std::string> RenderBlock(const v1::SweepProgress& progress, size_t width);
// The same on one line, for logs.
std::string RenderLine(const v1::SweepProgress& progress);
// "2 tries rejected": a try is a run, of which a cell may have several in one block.
std::string TriesRejected(uint32_t rejected);
// One run that has ended, with its flags.
std::string RenderResult(const v1::RunResult& run);

}  // namespace assay

#endif  // ASSAY_CLI_WATCH_PROGRESS_H_
