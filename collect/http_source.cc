#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include <utility>

#include "collect/http_reader.h"
#include "collect/record_source.h"
#include "common/json_document.h"
#include "common/percent_encoding.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kMostAnswerShown = 200;
constexpr long kNotFound = 404;
constexpr size_t kMostPages = 10'000;  // of one listing

class HttpSource : public RecordSource {
 public:
  HttpSource(v1::Collector::Http http, std::vector<std::string> remote_ids, TaskReader reader)
      : http_(std::move(http)), remote_ids_(std::move(remote_ids)), reader_(std::move(reader)) {
    for (const auto& [name, pointer] : http_.fields()) {
      const std::optional<TaskField> field = TaskFieldOf(name);
      if (!field) continue;  // the scenario's check has refused it
      given_[static_cast<size_t>(*field)] = true;
      fields_.push_back(static_cast<size_t>(*field));
      pointers_.push_back(pointer);
      reader_.Call(*field, fmt::format("field '{}'", pointer));
    }
  }

  absl::StatusOr<Look> Read(const Patience& patience) override {
    seen_.clear();
    items_ = 0;
    told_.assign(pointers_.size(), false);
    const bool of_each = http_.url().find("$(remote_id)") != std::string::npos;
    absl::Status status = CheckTaskFields(given_, "add it to collect.http.fields: {task: /POINTER, state: /POINTER}");
    if (status.ok()) status = LogIn(patience);
    if (!of_each && status.ok()) status = ReadPages("", patience);
    Look look;
    if (of_each && status.ok()) status = ReadEach(patience, look);
    look.tasks = reader_.Take();
    const std::string problem = reader_.TakeProblem();
    if (!status.ok()) return status;
    if (look.problem.empty()) look.problem = PointsNowhere();
    if (look.problem.empty()) look.problem = problem;
    return look;
  }

 private:
  struct Page {
    size_t items;
    std::string first;  // its first item's name
  };

  // One item may lack what another has; what none has is a pointer that is wrong. Empty: there is none.
  std::string PointsNowhere() const {
    if (items_ == 0) return "";
    for (size_t i = 0; i < pointers_.size(); ++i) {
      const auto field = static_cast<TaskField>(fields_[i]);
      if (told_[i] || field == TaskField::kError || field == TaskField::kCached) continue;
      return fmt::format(
          "not one of {} items has a value at {} ({}); correct it in collect.http.fields, or take it away", items_,
          pointers_[i], kTaskFieldNames[fields_[i]]);
    }
    return "";
  }

  // Of an item: whatever else is in it may change while pages are read. Empty: it names no task.
  static std::string NameOf(const TaskReader::Texts& texts) {
    const auto text = [&texts](TaskField field) { return texts[static_cast<size_t>(field)].value_or(""); };
    if (text(TaskField::kTask).empty()) return "";
    return fmt::format("{}\n{}\n{}\n{}", text(TaskField::kRemoteId), text(TaskField::kIndex), text(TaskField::kAttempt),
                       text(TaskField::kTask));
  }

  // Once for all looks; a token that is refused later is asked for anew by the next look.
  absl::Status LogIn(const Patience& patience) {
    if (!http_.has_login() || !token_.empty()) return absl::OkStatus();
    const v1::Login& login = http_.login();
    HttpReader::Request request{.method = login.method(), .url = login.url(), .headers = {}, .body = login.body()};
    for (const auto& [name, value] : login.headers()) request.headers.push_back(fmt::format("{}: {}", name, value));
    const absl::StatusOr<std::string> body = reader_of_pages_.Read(request, patience);
    if (!body.ok()) return body.status();
    const absl::StatusOr<JsonDocument> answer = JsonDocument::Parse(*body);
    // What it holds may be the token itself, which is to stand in no message.
    if (!answer.ok()) return absl::InvalidArgumentError("collect.http.login: its answer is no JSON; correct its url");
    absl::StatusOr<std::string> token = answer->root().Text(login.token());
    if (!token.ok()) {
      return absl::InvalidArgumentError(fmt::format(
          "collect.http.login: its answer has no token: {}; correct its token", std::string(token.status().message())));
    }
    token_ = *std::move(token);
    return absl::OkStatus();
  }

  // One that the target does not know, or not yet, keeps no other's records out.
  absl::Status ReadEach(const Patience& patience, Look& look) {
    size_t unknown = 0;
    absl::Status first;
    for (const std::string& id : remote_ids_) {
      absl::Status status = ReadPages(id, patience);
      if (status.ok()) continue;
      // Without time it may not have been asked for, and the answer be that of the one before.
      if (patience.Over() || reader_of_pages_.answered() != kNotFound) return status;
      if (unknown++ == 0) first = status;
    }
    if (unknown == remote_ids_.size()) return first;
    look.partial = unknown > 0;
    if (look.partial) {
      look.problem = fmt::format("{} of {} remote ids have no records there: {}", unknown, remote_ids_.size(),
                                 std::string(first.message()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadPages(const std::string& remote_id, const Patience& patience) {
    std::string first_before;
    uint64_t offset = 0;
    for (size_t pages = 0; pages < kMostPages; ++pages) {
      if (patience.Over()) return absl::UnavailableError("there was no time left for all pages of collect.http");
      const absl::StatusOr<Page> page = ReadPage(remote_id, offset, patience);
      if (!page.ok()) return page.status();
      // Not at a page that is not full: an API may give fewer at once than it is asked for.
      if (http_.page() == 0 || page->items == 0) return absl::OkStatus();
      if (!page->first.empty() && page->first == first_before) {
        return absl::InvalidArgumentError(
            fmt::format("the page from item {} begins as the one before: the API does not heed the $(offset) in "
                        "collect.http.url; correct its name there, or take page away",
                        offset));
      }
      first_before = page->first;
      offset += page->items;
    }
    return absl::InvalidArgumentError(
        fmt::format("{} pages ({} items) have no end; let collect.http.url choose the run's own items, make page "
                    "larger, or correct the name of $(offset) there, if the API does not heed it",
                    kMostPages, offset));
  }

  absl::StatusOr<Page> ReadPage(const std::string& remote_id, uint64_t offset, const Patience& patience) {
    HttpReader::Request request;
    request.url = absl::StrReplaceAll(http_.url(), {{"$(remote_id)", PercentEncoded(remote_id)},
                                                    {"$(offset)", std::to_string(offset)},
                                                    {"$(limit)", std::to_string(http_.page())}});
    for (const auto& [name, value] : http_.headers())
      request.headers.push_back(fmt::format("{}: {}", name, absl::StrReplaceAll(value, {{"$(token)", token_}})));
    const absl::StatusOr<std::string> body = reader_of_pages_.Read(request, patience);
    if (!body.ok()) {
      if (token_.empty() || !absl::IsUnauthenticated(body.status())) return body.status();
      token_.clear();
      return absl::UnavailableError(std::string(body.status().message()));
    }
    const absl::StatusOr<JsonDocument> answer = JsonDocument::Parse(*body);
    if (!answer.ok()) return Unreadable("the answer", answer.status(), "");
    const absl::StatusOr<std::vector<JsonDocument::Part>> items = answer->root().Items(http_.items());
    if (!items.ok()) return Unreadable("items", items.status(), *body);
    Page page{.items = items->size(), .first = ""};
    std::vector<std::string> names;
    std::vector<std::optional<std::string>> values(pointers_.size());
    for (const JsonDocument::Part& item : *items) {
      TaskReader::Texts texts;
      if (!remote_id.empty()) texts[static_cast<size_t>(TaskField::kRemoteId)] = remote_id;
      for (size_t i = 0; i < pointers_.size(); ++i) {
        values[i] = item.TextOrJson(pointers_[i]);
        if (!values[i]) continue;
        told_[i] = true;
        texts[fields_[i]] = *values[i];
      }
      std::string name = NameOf(texts);
      if (&item == &items->front()) page.first = name.empty() ? item.TextOrJson("").value_or("") : name;
      // Pages shift while they are read. Two of one page are what the target says.
      if (seen_.contains(name)) continue;
      if (absl::Status status = reader_.Add(texts); !status.ok()) return status;
      if (!name.empty()) names.push_back(std::move(name));
    }
    seen_.insert(names.begin(), names.end());
    items_ += items->size();
    return page;
  }

  static absl::Status Unreadable(std::string_view what, const absl::Status& why, std::string_view answer) {
    return absl::InvalidArgumentError(fmt::format("{}: {}{}; correct collect.http", what, std::string(why.message()),
                                                  answer.empty() ? "" : ": " + PlainText(answer, kMostAnswerShown)));
  }

  const v1::Collector::Http http_;
  const std::vector<std::string> remote_ids_;
  TaskReader reader_;
  HttpReader reader_of_pages_;
  std::string token_;
  absl::flat_hash_set<std::string> seen_;  // names of the items of this look's earlier pages
  std::array<bool, kTaskFields> given_{};
  std::vector<size_t> fields_;  // of `pointers_`
  std::vector<std::string> pointers_;
  std::vector<bool> told_;  // by an item of this look, of `pointers_`
  size_t items_ = 0;        // of this look
};

}  // namespace

RecordSourcePtr MakeHttpSource(const v1::Collector::Http& http, std::vector<std::string> remote_ids,
                               TaskReader reader) {
  return std::make_unique<HttpSource>(http, std::move(remote_ids), std::move(reader));
}

}  // namespace assay
