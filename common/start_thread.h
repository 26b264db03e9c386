#ifndef ASSAY_COMMON_START_THREAD_H_
#define ASSAY_COMMON_START_THREAD_H_

#include <absl/status/status.h>

#include <functional>
#include <thread>

namespace assay {

// std::thread's constructor throws where the user or the cgroup has no room for another thread, and triggers may well
// take all there is. ResourceExhausted: that; `thread` is then none.
absl::Status StartThread(std::thread& thread, std::function<void()> body);

// For main: a thread that a program cannot do without ends it in words and with 1, not with an abort.
void EndInWordsWithoutRoomForThreads(const char* program);

}  // namespace assay

#endif  // ASSAY_COMMON_START_THREAD_H_
