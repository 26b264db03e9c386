#include "agent/sampler/registry.h"

#include <utility>

// Every source, one line each: the factory that its file defines; null where the scenario does not ask for it.
#define ASSAY_SAMPLER_SOURCES(SOURCE) \
  SOURCE(MakeHostSource)              \
  SOURCE(MakeCgroupSource)

namespace assay {

#define ASSAY_DECLARE(factory) \
  std::unique_ptr<Source> factory(const SamplerOptions& options, const v1::Sampling& sampling);
ASSAY_SAMPLER_SOURCES(ASSAY_DECLARE)
#undef ASSAY_DECLARE

std::vector<std::unique_ptr<Source>> MakeSources(const SamplerOptions& options, const v1::Sampling& sampling) {
  std::vector<std::unique_ptr<Source>> sources;
#define ASSAY_MAKE(factory) \
  if (std::unique_ptr<Source> source = factory(options, sampling)) sources.push_back(std::move(source));
  ASSAY_SAMPLER_SOURCES(ASSAY_MAKE)
#undef ASSAY_MAKE
  return sources;
}

}  // namespace assay
