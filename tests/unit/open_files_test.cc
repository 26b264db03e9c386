#include "common/open_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

namespace assay {
namespace {

uint64_t TableSize() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("FDSize:")) return std::stoull(line.substr(7));
  }
  return 0;
}

TEST(OpenFiles, TheTableHasRoomBeforeItIsNeeded) {
  const uint64_t limit = RaiseOpenFiles();
  ASSERT_GT(limit, 0U);
  EXPECT_GE(TableSize(), std::min<uint64_t>(limit, 1 << 16));
}

}  // namespace
}  // namespace assay
