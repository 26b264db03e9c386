#ifndef ASSAY_CLI_RESULTS_RECORD_GAPS_H_
#define ASSAY_CLI_RESULTS_RECORD_GAPS_H_

#include <string>
#include <vector>

#include "cli/results/view_rows.h"

namespace assay {

// Where a target's own records are missing, unfinished, late or could not be read, a sentence for each such target,
// from the rows of the view collections; nothing where all came in time.
std::vector<std::string> RecordGapSentences(const ViewRows& collections);

// How complete the records of each target were, in Markdown.
std::string RecordGapTable(const ViewRows& collections);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_RECORD_GAPS_H_
