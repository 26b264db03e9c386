#ifndef ASSAY_AGENT_COMPLETION_REGISTRY_H_
#define ASSAY_AGENT_COMPLETION_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>

#include "agent/clients/http/login_token.h"
#include "agent/completion/poll.h"
#include "agent/loop/event_loop.h"
#include "assay/v1/scenario.pb.h"
#include "common/built_in_names.h"

namespace assay {

// What every kind of poll may need of the share that it looks for.
struct PollContext {
  EventLoop& loop;
  v1::Trigger trigger;
  BuiltInNames names;
  std::shared_ptr<LoginToken> login;  // the trigger's; null: it has none
  std::function<void(const std::string& token)> got_token;
  std::function<void()> hurry;  // something in the target has changed
};

// The kind that context.trigger.completion() asks for; null: this agent does not know it.
std::unique_ptr<Poll> MakePoll(PollContext context);

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_REGISTRY_H_
