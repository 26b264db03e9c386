#ifndef ASSAY_TESTS_UNIT_FILE_TEXT_H_
#define ASSAY_TESTS_UNIT_FILE_TEXT_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace assay {

// All that a file holds; empty if there is none.
inline std::string FileText(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_FILE_TEXT_H_
