#include "common/secrets.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "common/json_text.h"
#include "common/template.h"
#include "common/whole_file.h"

namespace assay {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kPrefix = "secret:";

// "s3cr3t" of "postgresql://user:s3cr3t@host/db"; empty: none.
std::string PasswordOf(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return "";
  const size_t begin = scheme + 3;
  const size_t at = url.substr(0, url.find_first_of("/?#", begin)).rfind('@');
  const size_t colon = url.find(':', begin);
  return at == std::string::npos || at < begin || colon > at ? "" : url.substr(colon + 1, at - colon - 1);
}

std::string VariableOf(const std::string& name) {
  std::string variable = "ASSAY_SECRET_" + name;
  std::replace_if(
      variable.begin(), variable.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return variable;
}

// Texts in which a value stands between JSON's quotes.
bool HoldsJson(const Message& message, const FieldDescriptor& field) {
  const std::string& name = field.name();
  if (name == "json" || name == "options" || name == "task") return true;
  const FieldDescriptor* const headers = message.GetDescriptor()->FindFieldByName("headers");
  if (name != "body" || headers == nullptr) return false;
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, headers); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, headers, i);
    const auto& of_entry = *entry.GetReflection();
    std::string key = of_entry.GetString(entry, entry.GetDescriptor()->map_key());
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::string value = of_entry.GetString(entry, entry.GetDescriptor()->map_value());
    if (key == "content-type" && value.find("json") != std::string::npos) return true;
  }
  return false;
}

// A value that is put in is no template any more.
std::string Escaped(std::string value) {
  for (size_t at = value.find("$("); at != std::string::npos; at = value.find("$(", at + 3)) value.insert(at, 1, '$');
  return value;
}

using ValueOf = std::function<absl::StatusOr<std::string>(const std::string& name)>;

absl::StatusOr<std::string> Filled(const std::string& text, bool json, const ValueOf& value_of) {
  if (text.find("$(secret:") == std::string::npos) return text;
  absl::Status status;
  std::vector<std::string> left;
  std::string last;
  std::string filled = ExpandTemplate(
      text,
      [&](std::string_view name) -> std::optional<std::string> {
        const std::string secret(SecretOf(name));
        absl::StatusOr<std::string> value = std::string();
        if (!secret.empty()) value = value_of(secret);
        if (secret.empty()) left.emplace_back(name);
        if (secret.empty()) return std::nullopt;
        last = secret;
        status.Update(value.status());
        if (!value.ok()) return std::nullopt;
        if (!json) return Escaped(*std::move(value));
        const std::string quoted = JsonString(*value);
        return Escaped(quoted.substr(1, quoted.size() - 2));
      },
      /*keep_escapes=*/true);
  if (!status.ok()) return status;
  if (TemplateNames(filled) != left) {
    return absl::InvalidArgumentError(
        fmt::format("the secret '{}' ends with '$', which makes a reference of what stands behind it; put something "
                    "between them",
                    last));
  }
  return filled;
}

absl::Status FillAll(Message& message, const ValueOf& value_of) {
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        Message& below = field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                              : *reflection.MutableMessage(&message, field);
        if (absl::Status status = FillAll(below, value_of); !status.ok()) return status;
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        const std::string text = field->is_repeated() ? reflection.GetRepeatedString(message, field, i)
                                                      : reflection.GetString(message, field);
        absl::StatusOr<std::string> filled = Filled(text, HoldsJson(message, *field), value_of);
        if (!filled.ok()) return filled.status();
        if (*filled == text) continue;
        field->is_repeated() ? reflection.SetRepeatedString(&message, field, i, *std::move(filled))
                             : reflection.SetString(&message, field, *std::move(filled));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

void HiddenTexts::Add(const std::string& value) {
  const std::string quoted = JsonString(value);
  for (std::string text : {value, quoted.substr(1, quoted.size() - 2), PasswordOf(value)}) {
    if (!text.empty() && std::find(texts_.begin(), texts_.end(), text) == texts_.end())
      texts_.push_back(std::move(text));
  }
  std::sort(texts_.begin(), texts_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string HiddenTexts::Hide(std::string text) const {
  constexpr std::string_view kStars = "***";
  for (const std::string& hidden : texts_) {
    for (size_t at = text.find(hidden); at != std::string::npos; at = text.find(hidden, at + kStars.size()))
      text.replace(at, hidden.size(), kStars);
  }
  return text;
}

absl::Status HiddenTexts::Hide(const absl::Status& status) const {
  return status.ok() ? status : absl::Status(status.code(), Hide(std::string(status.message())));
}

absl::StatusOr<HiddenTexts> Secrets::Fill(Message& message) const {
  HiddenTexts hidden;
  const absl::Status filled = FillAll(message, [&](const std::string& name) {
    absl::StatusOr<std::string> value = Value(name);
    if (value.ok()) hidden.Add(*value);
    return value;
  });
  if (!filled.ok()) return filled;
  return hidden;
}

std::vector<MissingSecret> Secrets::Missing(const Message& message) const {
  std::vector<MissingSecret> missing;
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  const absl::Status filled = FillAll(*copy, [&](const std::string& name) -> absl::StatusOr<std::string> {
    const auto is_this = [&](const MissingSecret& one) { return one.name == name; };
    if (const absl::StatusOr<std::string> value = Value(name);
        !value.ok() && std::none_of(missing.begin(), missing.end(), is_this)) {
      missing.push_back({name, value.status()});
    }
    return std::string("put in");
  });
  filled.IgnoreError();  // nothing that is put in can fail
  return missing;
}

absl::StatusOr<std::string> Secrets::Value(const std::string& name) const {
  if (!IsSecretName(name)) return absl::InvalidArgumentError(fmt::format("'{}' cannot name a secret", name));
  const std::string path = directory_ + "/" + name;
  std::string why;
  std::string value;
  if (!directory_.empty()) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    value.assign(std::istreambuf_iterator<char>(file), {});
    if (!file.is_open() && errno != ENOENT) why = fmt::format("{}: {}; ", path, std::strerror(errno));
  }
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  if (!value.empty()) return value;
  const std::string variable = VariableOf(name);
  if (const char* given = std::getenv(variable.c_str()); given != nullptr && *given != '\0') return std::string(given);
  const std::string message = fmt::format(
      "the secret '{}' is not known here: {}write it into {}, or set {}", name, why,
      directory_.empty() ? fmt::format("a file '{}' of the directory that --secrets names", name) : path, variable);
  return why.empty() ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
}

std::string_view SecretOf(std::string_view template_name) {
  return template_name.starts_with(kPrefix) ? template_name.substr(kPrefix.size()) : std::string_view();
}

bool IsSecretName(std::string_view name) {
  constexpr size_t kMostBytes = 128;
  return !name.empty() && name.size() <= kMostBytes && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
}

}  // namespace assay
