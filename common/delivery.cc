#include "common/delivery.h"

#include <algorithm>

namespace assay {

bool SendWindow::Acked(uint64_t through_seq) {
  if (through_seq > last_) return false;
  acked_ = std::max(acked_, through_seq);
  next_ = std::max(next_, acked_ + 1);
  return true;
}

bool SendWindow::Resume(uint64_t through_seq) {
  if (!Acked(through_seq)) return false;
  // What the peer does not have must still be here: it cannot fall behind what it once acknowledged.
  if (through_seq < acked_) return false;
  next_ = through_seq + 1;
  return true;
}

ReceiveWindow::Verdict ReceiveWindow::Offer(uint64_t seq) {
  if (seq <= watermark_) return Verdict::kDuplicate;
  if (seq != watermark_ + 1) return Verdict::kGap;
  watermark_ = seq;
  return Verdict::kApply;
}

}  // namespace assay
