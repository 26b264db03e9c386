#include "agent/completion/remote_id.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

#include "common/json_document.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kMostBytes = 1024;

// It goes into a URL or a query, and into a row.
absl::StatusOr<std::string> Checked(std::string id) {
  if (id.empty()) return absl::NotFoundError("the answer's remote id is empty");
  if (id.size() > kMostBytes)
    return absl::NotFoundError(
        fmt::format("the answer's remote id has {} bytes, the limit is {}", id.size(), kMostBytes));
  if (PlainText(id, kMostBytes) != id)
    return absl::NotFoundError(fmt::format("the answer's remote id is no plain text: '{}'", PlainText(id, kMostBytes)));
  return id;
}

}  // namespace

RemoteId::RemoteId(std::string pointer, std::unique_ptr<re2::RE2> pattern)
    : pointer_(std::move(pointer)), pattern_(std::move(pattern)) {}
RemoteId::RemoteId(RemoteId&&) noexcept = default;
RemoteId::~RemoteId() = default;

absl::StatusOr<RemoteId> RemoteId::Of(const v1::Completion& completion) {
  if (completion.remote_id_pattern().empty()) return RemoteId(completion.remote_id_pointer(), nullptr);
  auto pattern = std::make_unique<re2::RE2>(completion.remote_id_pattern(), re2::RE2::Quiet);
  if (!pattern->ok() || pattern->NumberOfCapturingGroups() < 1)
    return absl::InvalidArgumentError("completion: remote_id.pattern is no regular expression with a group");
  return RemoteId("", std::move(pattern));
}

absl::StatusOr<std::string> RemoteId::In(const std::string& answer) const {
  if (pattern_) {
    std::string id;
    if (!re2::RE2::PartialMatch(answer, *pattern_, &id))
      return absl::NotFoundError("no remote id in the answer: the pattern does not match");
    return Checked(std::move(id));
  }
  const absl::StatusOr<JsonDocument> json = JsonDocument::Parse(answer);
  if (!json.ok())
    return absl::NotFoundError(fmt::format("no remote id in the answer: {}", std::string(json.status().message())));
  absl::StatusOr<std::string> id = json->root().Text(pointer_);
  if (!id.ok())
    return absl::NotFoundError(fmt::format("no remote id in the answer: {}", std::string(id.status().message())));
  return Checked(*std::move(id));
}

}  // namespace assay
