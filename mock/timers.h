#ifndef ASSAY_MOCK_TIMERS_H_
#define ASSAY_MOCK_TIMERS_H_

#include <cstdint>
#include <functional>
#include <list>

struct event_base;

namespace assay {

// Timers of libevent that own what they call. The base's thread only; what is not due at the destructor is dropped.
class Timers {
 public:
  explicit Timers(event_base* base);
  ~Timers();
  Timers(const Timers&) = delete;

  void After(int64_t ns, std::function<void()> due);

 private:
  struct Pending;
  static void Due(int fd, short what, void* pending);

  event_base* base_;
  std::list<Pending> pending_;
};

}  // namespace assay

#endif  // ASSAY_MOCK_TIMERS_H_
