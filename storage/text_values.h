#ifndef ASSAY_STORAGE_TEXT_VALUES_H_
#define ASSAY_STORAGE_TEXT_VALUES_H_

#include <string>
#include <vector>

namespace assay {

// A text[] in PostgreSQL's array form.
std::string TextArray(const std::vector<std::string>& values);

}  // namespace assay

#endif  // ASSAY_STORAGE_TEXT_VALUES_H_
