#include "common/start_thread.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>

namespace assay {
namespace {

constexpr char kNoRoom[] = "no room for another thread: raise 'ulimit -u' here, and pids.max of its cgroup";

const char* program_name = "";

}  // namespace

absl::Status StartThread(std::thread& thread, std::function<void()> body) {
  try {
    thread = std::thread(std::move(body));
    return absl::OkStatus();
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError(kNoRoom);
  }
}

void EndInWordsWithoutRoomForThreads(const char* program) {
  program_name = program;
  std::set_terminate([] {
    try {
      if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::system_error& e) {
      if (e.code() == std::errc::resource_unavailable_try_again) {
        fmt::print(stderr, "{}: {}\n", program_name, kNoRoom);
        _exit(1);
      }
      fmt::print(stderr, "{}: {}\n", program_name, e.what());
    } catch (const std::exception& e) {
      fmt::print(stderr, "{}: {}\n", program_name, e.what());
    } catch (...) {
      // Nothing is known of it.
    }
    std::abort();
  });
}

}  // namespace assay
