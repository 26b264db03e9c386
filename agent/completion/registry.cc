#include "agent/completion/registry.h"

#include <utility>

#include "agent/clients/http/http_messages.h"
#include "agent/completion/http_poll.h"
#include "agent/completion/postgres_poll.h"

namespace assay {

std::unique_ptr<Poll> MakePoll(PollContext context) {
  const v1::Completion& completion = context.trigger.completion();
  switch (completion.kind_case()) {
    case v1::Completion::kHttp:
      return std::make_unique<HttpPoll>(context.loop, completion, context.names, RequestLike(context.trigger.http()),
                                        context.login, context.got_token);
    case v1::Completion::kPostgres:
      return std::make_unique<PostgresPoll>(context.loop, completion.postgres(), context.names, context.hurry);
    case v1::Completion::KIND_NOT_SET:
      break;
  }
  return nullptr;
}

}  // namespace assay
