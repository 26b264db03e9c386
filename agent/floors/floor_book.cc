#include "agent/floors/floor_book.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "common/clock.h"

namespace assay {

const FloorBook::Kept* FloorBook::Find(const std::string& key, int64_t since_ns) const {
  const auto found = kept_.find(key);
  return found == kept_.end() || found->second.measured_ns < since_ns ? nullptr : &found->second;
}

void FloorBook::Find(const v1::ShareSpec& spec, std::function<void(const std::optional<v1::Floor>&)> done) {
  const bool anew = spec.has_floor_of();
  const v1::Trigger& trigger = anew ? spec.floor_of() : spec.trigger();
  std::optional<NullTrigger> null = context_.for_ns > 0 ? NullTriggerOf(trigger) : std::nullopt;
  if (!null) return done(std::nullopt);
  const std::string key = fmt::format("{} {}", Calibration::Concurrency(spec), null->trigger.SerializeAsString());
  const int64_t since_ns = MonotonicNs() - (anew ? 0 : fresh_ns_);
  if (const Kept* const kept = Find(key, since_ns)) return done(kept->floor);
  wanted_.push_back({key, spec, *std::move(null), since_ns, std::move(done)});
  if (!now_) Next();
}

void FloorBook::Next() {
  now_.reset();
  // Who waited for the same one as another has it now.
  while (!wanted_.empty()) {
    const Kept* const kept = Find(wanted_.front().key, wanted_.front().since_ns);
    if (kept == nullptr) break;
    const Wanted served = std::move(wanted_.front());
    wanted_.pop_front();
    served.done(kept->floor);
  }
  if (wanted_.empty()) return;
  now_ = std::make_shared<Calibration>(context_, wanted_.front().spec, wanted_.front().null);
  now_->Start([this](v1::Floor floor) {
    if (!floor.error().empty()) spdlog::warn("the floor of {} is not known: {}", floor.kind(), floor.error());
    kept_.insert_or_assign(wanted_.front().key, Kept{.floor = std::move(floor), .measured_ns = MonotonicNs()});
    Next();
  });
}

}  // namespace assay
