#ifndef ASSAY_COMMON_SECRETS_H_
#define ASSAY_COMMON_SECRETS_H_

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Message;
}

namespace assay {

// Values that must stand in no log, spool, database or message, and how they are kept out of texts.
class HiddenTexts {
 public:
  // With what of it may show up alone or changed: as JSON writes it, and the password where it is a URL.
  void Add(const std::string& value);
  // "***" for each of them.
  std::string Hide(std::string text) const;
  absl::Status Hide(const absl::Status& status) const;
  bool empty() const { return texts_.empty(); }

 private:
  std::vector<std::string> texts_;  // longest first
};

struct MissingSecret {
  std::string name;
  absl::Status why;  // NotFound: it is nowhere; else it is there and cannot be read
};

// What $(secret:NAME) stands for in templates: the file NAME of the directory, without the line break at its end, else
// ASSAY_SECRET_NAME of the environment. Read whenever it is asked for, so that a changed value needs no restart.
class Secrets {
 public:
  // Empty directory: the environment alone.
  explicit Secrets(std::string directory = "") : directory_(std::move(directory)) {}

  // Puts the values into all texts of the message, and of those in it, that refer to secrets; what there is to hide
  // then. A missing one: as `MissingSecret` has it, with both places where it could be.
  absl::StatusOr<HiddenTexts> Fill(google::protobuf::Message& message) const;
  // What Fill would say of each secret that is missing, each once.
  std::vector<MissingSecret> Missing(const google::protobuf::Message& message) const;

 private:
  absl::StatusOr<std::string> Value(const std::string& name) const;
  std::string directory_;
};

// "KEY" of "secret:KEY"; empty: the name of a template is no secret's.
std::string_view SecretOf(std::string_view template_name);
// Letters, digits, '.', '_' and '-', no '.' or '-' first: it is the name of a file.
bool IsSecretName(std::string_view name);

}  // namespace assay

#endif  // ASSAY_COMMON_SECRETS_H_
