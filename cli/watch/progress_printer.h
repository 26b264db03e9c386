#ifndef ASSAY_CLI_WATCH_PROGRESS_PRINTER_H_
#define ASSAY_CLI_WATCH_PROGRESS_PRINTER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "assay/v1/control.pb.h"

namespace assay {

// Shows a sweep as it goes. On a terminal one block is redrawn in place below what has been printed; elsewhere there is
// a line every few seconds; for scripts JSON lines. A reader that has gone away (closed terminal or pipe) changes
// nothing.
class ProgressPrinter {
 public:
  enum class Style { kLive, kLines, kJson };
  static constexpr int64_t kLineEveryNs = 5'000'000'000;

  // kJson if asked for, else by what `fd` is.
  static Style StyleFor(int fd, bool json);
  ProgressPrinter(int fd, Style style) : fd_(fd), style_(style) {}
  ~ProgressPrinter() { Erase(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  // `progress` without results: those are shown one by one.
  void Update(const v1::SweepProgress& progress, int64_t now_ns);
  void Result(const v1::RunResult& run);
  void Notice(std::string_view text);
  // Takes the live block away, for what follows.
  void Erase();
  void Silence() { silent_ = true; }

 private:
  void Print(const std::string& text);
  void Draw(const v1::SweepProgress& progress);

  const int fd_;
  const Style style_;
  bool silent_ = false;
  size_t drawn_lines_ = 0;
  int64_t last_line_ns_ = 0;
};

// All of it, whatever write(2) takes at a time; false once the reader is gone.
bool WriteAll(int fd, std::string_view text);

}  // namespace assay

#endif  // ASSAY_CLI_WATCH_PROGRESS_PRINTER_H_
