#ifndef ASSAY_AGENT_HOOKS_COMPOSE_ORDER_H_
#define ASSAY_AGENT_HOOKS_COMPOSE_ORDER_H_

#include <vector>

#include "agent/clients/docker_answers.h"

namespace assay {

// The containers of a Compose project in the order in which they are to be started: each behind those that its service
// depends on, as Compose has noted it in their labels, else by name. What `docker compose run` left is not among them.
std::vector<DockerContainer> InStartOrder(std::vector<DockerContainer> containers);

}  // namespace assay

#endif  // ASSAY_AGENT_HOOKS_COMPOSE_ORDER_H_
