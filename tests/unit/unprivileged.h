#ifndef ASSAY_TESTS_UNIT_UNPRIVILEGED_H_
#define ASSAY_TESTS_UNIT_UNPRIVILEGED_H_

#include <unistd.h>

namespace assay {

// While it lives this process, all of its threads, has the rights of a user without any, also where the tests run as
// root: so a file without rights is one that root's tests cannot open either.
class Unprivileged {
 public:
  Unprivileged() : was_(geteuid()), dropped_(was_ != 0 || seteuid(kNobody) == 0) {}
  ~Unprivileged() {
    if (was_ == 0 && dropped_ && seteuid(was_) != 0) _exit(1);  // what follows would be another test
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

  // False where root may not become another user, as in a container that maps only root.
  bool dropped() const { return dropped_; }

 private:
  static constexpr uid_t kNobody = 65534;
  const uid_t was_;
  const bool dropped_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_UNPRIVILEGED_H_
