#ifndef ASSAY_AGENT_EVENT_LOOP_H_
#define ASSAY_AGENT_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>

namespace assay {

// epoll, one eventfd for posts, one timerfd with a deadline heap. All triggers live on its thread; other threads talk to it by Post.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();

  void Run();                              // until Stop; the calling thread becomes the loop's thread
  void Stop();                             // any thread
  void Post(std::function<void()> task);   // any thread; runs on the loop's thread, in order

  // Loop's thread only:
  using TimerId = uint64_t;
  TimerId At(int64_t monotonic_ns, std::function<void()> due);
  void Cancel(TimerId id);                 // unknown or due ids are fine
  void Watch(int fd, uint32_t epoll_events, std::function<void(uint32_t)> ready);
  void Unwatch(int fd);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_EVENT_LOOP_H_
