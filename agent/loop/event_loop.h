#ifndef ASSAY_AGENT_LOOP_EVENT_LOOP_H_
#define ASSAY_AGENT_LOOP_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>

namespace assay {

// epoll, one eventfd for posts, one timerfd with a deadline heap. All triggers live on its thread; other threads talk
// to it by Post. The work of one turn is bounded, so neither posts, timers nor descriptors can starve the others.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();

  void Run();                             // until Stop; the calling thread becomes the loop's thread
  void Stop();                            // any thread; posts and timers not yet run are dropped with the loop
  void Post(std::function<void()> task);  // any thread; runs on the loop's thread, in order

  // Loop's thread only (or while no thread runs the loop):
  using TimerId = uint64_t;  // never 0
  // Timers that are due run in the order of their instants, equal instants in the order of their At. Never before the
  // instant; an instant in the past is due at once, but not within this call.
  TimerId At(int64_t monotonic_ns, std::function<void()> due);
  void Cancel(TimerId id);  // unknown or due ids are fine
  // `ready` gets the events of epoll_wait, level-triggered. False if the kernel has no room for another watch; `ready`
  // is then never called. After Unwatch `ready` is not called again, not even for events that were fetched already.
  bool Watch(int fd, uint32_t epoll_events, std::function<void(uint32_t)> ready);
  bool Rewatch(int fd, uint32_t epoll_events);  // other events of a watched descriptor
  void Unwatch(int fd);                         // before the descriptor is closed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOOP_EVENT_LOOP_H_
