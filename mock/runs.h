#ifndef ASSAY_MOCK_RUNS_H_
#define ASSAY_MOCK_RUNS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// Workflow runs as a workflow manager's API has them: started by one request, asked for by others, one by one or as a
// listing in the order of their starts. They do nothing but end after a while.
class Runs {
 public:
  enum class End { kSuccess, kFailed, kNever };
  struct Options {
    int64_t delay_ns = 2'000'000'000;
    End end = End::kSuccess;
  };
  explicit Runs(const Options& options) : options_(options) {}

  // All of these as JSON.
  std::string Start(int64_t now_wall_ns);
  std::optional<std::string> Get(std::string_view id, int64_t now_wall_ns) const;  // nothing: there is no such run
  std::string List(uint64_t offset, uint64_t limit, int64_t now_wall_ns) const;

 private:
  std::string Json(size_t run, int64_t now_wall_ns) const;

  const Options options_;
  std::vector<int64_t> started_;  // by number
};

}  // namespace assay

#endif  // ASSAY_MOCK_RUNS_H_
