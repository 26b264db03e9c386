#include <memory>

#include "agent/sampler/host_reader.h"
#include "agent/sampler/source.h"

namespace assay {
namespace {

class HostSource : public Source {
 public:
  explicit HostSource(const std::string& proc_root) : reader_(proc_root) {}

  void Read(uint64_t tick, Readings& readings) override {
    readings.hosts.push_back(reader_.Read());
    readings.hosts.back().set_tick(tick);
  }

 private:
  HostReader reader_;
};

}  // namespace

std::unique_ptr<Source> MakeHostSource(const SamplerOptions& options, const v1::Sampling& sampling) {
  if (!sampling.host()) return nullptr;
  return std::make_unique<HostSource>(options.proc_root);
}

}  // namespace assay
