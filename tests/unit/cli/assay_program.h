#ifndef ASSAY_TESTS_UNIT_CLI_ASSAY_PROGRAM_H_
#define ASSAY_TESTS_UNIT_CLI_ASSAY_PROGRAM_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/assay_main.h"
#include "common/whole_file.h"
#include "tests/unit/temp_dir.h"

namespace assay {

struct Ran {
  int code;
  std::string out;
  std::string err;
};

// The program in this process, with what it prints.
inline Ran Assay(std::vector<std::string> arguments) {
  std::vector<const char*> argv = {"assay"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::fflush(nullptr);
  // WriteAll goes below stdio, so the descriptors themselves are captured.
  const TempDir dir;
  const int out = dup(1);
  const int err = dup(2);
  const std::string out_path = dir.Write("out", "");
  const std::string err_path = dir.Write("err", "");
  if (std::freopen(out_path.c_str(), "a", stdout) == nullptr || std::freopen(err_path.c_str(), "a", stderr) == nullptr)
    std::abort();
  const int code = AssayMain(static_cast<int>(argv.size()), argv.data());
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  return {code, ReadWhole(out_path), ReadWhole(err_path)};
}

// What the environment of the person who runs the tests says must not matter.
class CliTest : public testing::Test {
 protected:
  CliTest() {
    for (const char* name : {"ASSAY_COORDINATOR", "ASSAY_DATABASE"}) unsetenv(name);
    setenv("ASSAY_DATA", data_.path().c_str(), 1);
  }
  ~CliTest() override { unsetenv("ASSAY_DATA"); }
  const TempDir data_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_CLI_ASSAY_PROGRAM_H_
