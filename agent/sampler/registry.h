#ifndef ASSAY_AGENT_SAMPLER_REGISTRY_H_
#define ASSAY_AGENT_SAMPLER_REGISTRY_H_

#include <memory>
#include <vector>

#include "agent/sampler/source.h"

namespace assay {

// The sources that the scenario asks for.
std::vector<std::unique_ptr<Source>> MakeSources(const SamplerOptions& options, const v1::Sampling& sampling);

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_REGISTRY_H_
