#include "collect/looks.h"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collect/task_reader.h"
#include "common/counter_random.h"

namespace assay {
namespace {

// The record of an end is written after that of a begin, even where the one becomes the other.
uint64_t NameOf(const v1::TaskRecord& task) {
  return StableHash(fmt::format("{}\n{}\n{}\n{}", task.remote_id(), task.task(), task.attempt(),
                                task.outcome() != v1::OUTCOME_UNSPECIFIED));
}

// All tries of a task have it; in the work of another trigger the same name is another task's.
uint64_t NameOfAllTries(const v1::TaskRecord& task) {
  return StableHash(
      fmt::format("{}\n{}\n{}", task.remote_id(), task.task(), task.has_index() ? std::to_string(task.index()) : ""));
}

template <typename Record>
uint64_t FingerprintOf(const Record& record, std::string& buffer) {
  buffer.clear();
  record.AppendToString(&buffer);
  return StableHash(buffer);
}

}  // namespace

void Looks::Add(Look&& look, int64_t at_ns) {
  last_ = std::move(look);
  partial_ = last_.partial;
  at_ns_ = at_ns;
  ++looks_;
  told_ns_.reset();
  // A sum does not depend on the order, which a query need not have.
  uint64_t fingerprint = last_.tasks.size() + last_.metrics.size();
  std::string buffer;
  absl::flat_hash_set<uint64_t> tasks;
  absl::flat_hash_set<uint64_t> unfinished;
  absl::flat_hash_set<uint64_t> negative;
  for (v1::TaskRecord& task : last_.tasks) {
    fingerprint += FingerprintOf(task, buffer);
    const uint64_t name = NameOfAllTries(task);
    tasks.insert(name);
    if (task.outcome() == v1::OUTCOME_UNSPECIFIED) unfinished.insert(name);
    if (IsNegative(task)) negative.insert(name);
    if (task.has_recorded_ns()) {
      told_ns_ = std::max(told_ns_.value_or(task.recorded_ns()), task.recorded_ns());
    } else {
      task.set_recorded_ns(seen_ns_.try_emplace(NameOf(task), at_ns).first->second);
    }
  }
  records_ = tasks.size() + last_.metrics.size();
  unfinished_ = unfinished.size();
  negative_ = negative.size();
  for (const v1::MetricSample& sample : last_.metrics)
    fingerprint += StableHash(fmt::format("{} {} {}", sample.name(), sample.at_ns(), sample.value()));
  if (looks_ == 1 || fingerprint != fingerprint_) {
    changed_ns_ = at_ns;
    changed_look_ = looks_;
  }
  fingerprint_ = fingerprint;
}

bool Looks::Done() const {
  return looks_ > 0 && !partial_ && records() >= expected_ && unfinished_ == 0 && at_ns_ - changed_ns_ >= quiet_ns_;
}

void Looks::Fill(v1::Collection& collection) const {
  collection.set_records(records());
  collection.set_expected(expected_);
  collection.set_unfinished(unfinished_);
  collection.set_negative(negative_);
  collection.set_looks(looks_);
  collection.set_quiet(Done());
  collection.set_read_ns(at_ns_);
  collection.set_at_first_look(!told_ns_ && changed_look_ <= 1);
  if (records() > 0) collection.set_recorded_until_ns(told_ns_.value_or(changed_ns_));
}

}  // namespace assay
