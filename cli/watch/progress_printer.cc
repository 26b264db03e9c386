#include "cli/watch/progress_printer.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "cli/json_line.h"
#include "cli/watch/progress.h"

namespace assay {
namespace {

size_t WidthOf(int fd) {
  winsize size{};
  // The last column stays free: a terminal may wrap as soon as it is filled.
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col - 1U : 79;
}

}  // namespace

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

ProgressPrinter::Style ProgressPrinter::StyleFor(int fd, bool json) {
  if (json) return Style::kJson;
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb" ? Style::kLive : Style::kLines;
}

void ProgressPrinter::Print(const std::string& text) {
  if (!silent_) WriteAll(fd_, text);
}

void ProgressPrinter::Erase() {
  if (drawn_lines_ == 0) return;
  // Cursor up and to the first column, then clear to the end of the screen.
  Print(fmt::format("\x1b[{}F\x1b[J", drawn_lines_));
  drawn_lines_ = 0;
}

void ProgressPrinter::Draw(const v1::SweepProgress& progress) {
  const size_t before = drawn_lines_;
  std::string text = before == 0 ? "" : fmt::format("\x1b[{}F\x1b[J", before);
  drawn_lines_ = 0;
  for (const std::string& line : RenderBlock(progress, WidthOf(fd_))) {
    text += line + "\n";
    ++drawn_lines_;
  }
  Print(text);
}

void ProgressPrinter::Update(const v1::SweepProgress& progress, int64_t now_ns) {
  if (style_ == Style::kLive) {
    Draw(progress);
  } else if (style_ == Style::kJson) {
    Print(JsonLine("progress", progress, {}, {"results", "more"}) + "\n");
  } else if (last_line_ns_ == 0 || now_ns - last_line_ns_ >= kLineEveryNs) {
    last_line_ns_ = now_ns;
    Print(RenderLine(progress) + "\n");
  }
}

void ProgressPrinter::Result(const v1::RunResult& run) {
  Erase();
  if (style_ != Style::kJson) {
    Print(RenderResult(run) + "\n");
    return;
  }
  Print(JsonLine("run", run) + "\n");
  for (const v1::FlagInfo& flag : run.flags())
    Print(JsonLine("flag", flag, {{"run_id", std::to_string(run.run_id())}}) + "\n");
}

void ProgressPrinter::Notice(std::string_view text) {
  Erase();
  Print(style_ == Style::kJson ? fmt::format("{{\"type\":\"notice\",\"text\":{}}}\n", JsonString(text))
                               : fmt::format("{}\n", text));
}

}  // namespace assay
