#ifndef ASSAY_COORDINATOR_STREAM_REACTOR_H_
#define ASSAY_COORDINATOR_STREAM_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace assay {

// The rules of a callback stream in one place: one read and one write in flight; Finish once, never with a write
// outstanding, and only after a read has failed (so a stream is always read to its end); no lock held over a Start
// call; deleted in OnDone only. Subclasses move messages and decide nothing. Other threads reach it through its Handle,
// which outlives it.
template <typename In, typename Out>
class StreamReactor : public grpc::ServerBidiReactor<In, Out> {
 public:
  class Handle {
   public:
    void Send(Out&& message) {
      std::unique_lock lock(mutex_);
      if (reactor_ != nullptr) reactor_->Enqueue(std::move(message), lock);
    }
    // Ends the stream from our side: the read in flight fails, and that finishes it.
    void Drop() {
      const std::lock_guard lock(mutex_);
      if (reactor_ != nullptr) reactor_->context_->TryCancel();
    }
    // Only while a read was answered with kPause: no Finish can come before the read that this starts.
    void Resume() {
      StreamReactor* reactor = nullptr;
      {
        const std::lock_guard lock(mutex_);
        reactor = reactor_;
      }
      if (reactor != nullptr) reactor->StartRead(&reactor->in_);
    }

   private:
    friend class StreamReactor;
    std::mutex mutex_;  // guards all of the reactor's state
    StreamReactor* reactor_ = nullptr;
  };

  explicit StreamReactor(grpc::CallbackServerContext* context)
      : context_(context), handle_(std::make_shared<Handle>()) {
    handle_->reactor_ = this;
  }

  void OnReadDone(bool ok) final {
    if (ok) {
      In message = std::move(in_);
      in_ = In();
      if (Take(std::move(message))) this->StartRead(&in_);
      return;
    }
    {
      const std::lock_guard lock(handle_->mutex_);
      finishing_ = true;
      if (writing_) return;
    }
    this->Finish(grpc::Status::OK);
  }

  void OnWriteDone(bool ok) final {
    {
      const std::lock_guard lock(handle_->mutex_);
      if (!ok) broken_ = true;
      if (broken_ || finishing_) outbox_.clear();
      if (!outbox_.empty()) {
        out_ = std::move(outbox_.front());
        outbox_.pop_front();
      } else {
        writing_ = false;
        if (!finishing_) return;
      }
    }
    if (writing_) {
      this->StartWrite(&out_);
    } else {
      this->Finish(grpc::Status::OK);
    }
  }

  void OnCancel() final {}

  void OnDone() final {
    {
      const std::lock_guard lock(handle_->mutex_);
      handle_->reactor_ = nullptr;
    }
    Gone();
    delete this;
  }

 protected:
  // A message came. False pauses reading until Handle::Resume. Must not block.
  virtual bool Take(In&& message) = 0;
  // Puts a message in the outbox. A subclass bounds it by replacing what is superseded.
  virtual void Queue(std::deque<Out>& outbox, Out&& message) = 0;
  virtual void Gone() {}

  // The subclass's constructor calls it last.
  void Begin() { this->StartRead(&in_); }
  const std::shared_ptr<Handle>& handle() const { return handle_; }

 private:
  void Enqueue(Out&& message, std::unique_lock<std::mutex>& lock) {
    if (broken_ || finishing_) return;
    if (writing_) return Queue(outbox_, std::move(message));
    writing_ = true;
    out_ = std::move(message);
    // With writing_ set nothing can finish this reactor until OnWriteDone.
    lock.unlock();
    this->StartWrite(&out_);
  }

  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<Handle> handle_;
  In in_;
  Out out_;
  std::deque<Out> outbox_;
  bool writing_ = false;
  bool broken_ = false;
  bool finishing_ = false;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_STREAM_REACTOR_H_
