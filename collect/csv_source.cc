#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "collect/csv_text.h"
#include "collect/record_source.h"
#include "common/nearest_name.h"

namespace assay {
namespace {

// In the order of their names.
std::vector<std::string> FilesOf(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found{};
  if (glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return files;
}

class CsvSource : public RecordSource {
 public:
  CsvSource(v1::Collector::Csv csv, TaskReader reader) : csv_(std::move(csv)), reader_(std::move(reader)) {}

  absl::StatusOr<Look> Read(const Patience& patience) override {
    const std::vector<std::string> files = FilesOf(csv_.files());
    if (files.empty()) {
      return absl::UnavailableError(fmt::format(
          "no file on this host matches {}; correct collect.csv.files, or say where they are with collect.where",
          csv_.files()));
    }
    for (const std::string& file : files) {
      if (patience.Over()) return absl::UnavailableError(fmt::format("{}: there was no time left to read it", file));
      if (absl::Status status = ReadFile(file); !status.ok()) {
        reader_.Take();
        reader_.TakeProblem();
        return absl::Status(status.code(), fmt::format("{}: {}", file, std::string(status.message())));
      }
    }
    Look look;
    look.tasks = reader_.Take();
    look.problem = reader_.TakeProblem();
    return look;
  }

 private:
  // Column of each field; -1: none.
  using Columns = std::array<int, kTaskFields>;

  absl::Status ReadHeader(const std::vector<std::string>& header, Columns& columns) {
    columns.fill(-1);
    std::array<bool, kTaskFields> given{};
    for (size_t field = 0; field < kTaskFields; ++field) {
      const auto named = csv_.columns().find(std::string(kTaskFieldNames[field]));
      const std::string name = named == csv_.columns().end() ? std::string(kTaskFieldNames[field]) : named->second;
      for (size_t i = 0; i < header.size(); ++i) {
        if (header[i] == name) columns[field] = static_cast<int>(i);
      }
      given[field] = columns[field] >= 0;
      reader_.Call(static_cast<TaskField>(field), fmt::format("column '{}'", name));
      if (named == csv_.columns().end() || given[field]) continue;
      const auto nearest = NearestName(name, header);
      return absl::InvalidArgumentError(fmt::format("there is no column '{}' for {}; {}", name, kTaskFieldNames[field],
                                                    nearest
                                                        ? fmt::format("did you mean '{}'?", *nearest)
                                                        : fmt::format("its columns are {}", fmt::join(header, ", "))));
    }
    return CheckTaskFields(given, "name its column with collect.csv.columns: {task: COLUMN, state: COLUMN}");
  }

  absl::Status ReadFile(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return absl::UnavailableError(fmt::format("cannot be read: {}", std::strerror(errno)));
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    Columns columns{};
    bool has_header = false;
    return ReadCsv(text, [&](size_t line, const std::vector<std::string>& values) -> absl::Status {
      if (!std::exchange(has_header, true)) return ReadHeader(values, columns);
      TaskReader::Texts texts;
      for (size_t field = 0; field < kTaskFields; ++field) {
        const int column = columns[field];
        if (column < 0 || static_cast<size_t>(column) >= values.size() || values[static_cast<size_t>(column)].empty())
          continue;
        texts[field] = values[static_cast<size_t>(column)];
      }
      absl::Status added = reader_.Add(texts);
      if (added.ok()) return added;
      return absl::Status(added.code(), fmt::format("line {}: {}", line, std::string(added.message())));
    });
  }

  const v1::Collector::Csv csv_;
  TaskReader reader_;
};

}  // namespace

RecordSourcePtr MakeCsvSource(const v1::Collector::Csv& csv, TaskReader reader) {
  return std::make_unique<CsvSource>(csv, std::move(reader));
}

}  // namespace assay
