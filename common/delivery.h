#ifndef ASSAY_COMMON_DELIVERY_H_
#define ASSAY_COMMON_DELIVERY_H_

#include <cstdint>

namespace assay {

// The two ends of one stream's exactly-once delivery. Pure: no thread, no I/O. Sequence numbers count batches from 1.

// At the agent. Everything in (acked, last] is still in the spool; `next` is what goes on the wire next.
class SendWindow {
 public:
  explicit SendWindow(uint64_t last_seq = 0, uint64_t acked_seq = 0)
      : last_(last_seq), acked_(acked_seq), next_(acked_seq + 1) {}

  uint64_t Append() { return ++last_; }  // the number of a batch that was just spooled
  bool HasNext() const { return next_ <= last_; }
  uint64_t next() const { return next_; }
  void Sent() { ++next_; }
  // The peer has committed all up to here. Acks may repeat or come late. False if it claims what was never appended.
  bool Acked(uint64_t through_seq);
  // A new connection: go on behind what the peer says it has.
  bool Resume(uint64_t through_seq);
  uint64_t acked() const { return acked_; }
  uint64_t last() const { return last_; }

 private:
  uint64_t last_;
  uint64_t acked_;
  uint64_t next_;
};

// At the coordinator: what to do with a batch, given the watermark that is committed or about to be.
class ReceiveWindow {
 public:
  enum class Verdict {
    kApply,      // the next one: store it
    kDuplicate,  // stored already: acknowledge again
    kGap,        // one before it is missing: the peer must resume
  };
  explicit ReceiveWindow(uint64_t watermark = 0) : watermark_(watermark) {}
  Verdict Offer(uint64_t seq);
  uint64_t watermark() const { return watermark_; }

 private:
  uint64_t watermark_;
};

}  // namespace assay

#endif  // ASSAY_COMMON_DELIVERY_H_
