#ifndef ASSAY_STORAGE_TEXT_VALUES_H_
#define ASSAY_STORAGE_TEXT_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

namespace assay {

// What a PostgreSQL text column takes: NUL and bytes that are not UTF-8 become U+FFFD. One bad value would fail the
// whole batch.
std::string ValidText(std::string_view bytes);

// A text[] in PostgreSQL's array form.
std::string TextArray(const std::vector<std::string>& values);

}  // namespace assay

#endif  // ASSAY_STORAGE_TEXT_VALUES_H_
