#ifndef ASSAY_COMMON_JSON_DOCUMENT_H_
#define ASSAY_COMMON_JSON_DOCUMENT_H_

#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// What others answered in JSON, asked by JSON pointers (RFC 6901). Pure. The parser's headers stay behind this one.
class JsonDocument {
 public:
  // A part of a document, good as long as that lives.
  class Part {
   public:
    // A scalar as a text: strings as they are, numbers and booleans as JSON writes them. NotFound says why there is
    // none: the pointer points nowhere, at null, at a list or at an object.
    absl::StatusOr<std::string> Text(std::string_view pointer) const;
    // The same, but a list or an object as JSON again; unset: the pointer points nowhere, or at null.
    std::optional<std::string> TextOrJson(std::string_view pointer) const;
    // The elements of the list at the pointer.
    absl::StatusOr<std::vector<Part>> Items(std::string_view pointer) const;
    // The fields of the object at the pointer, each as TextOrJson has it; null ones are left out.
    absl::StatusOr<std::map<std::string, std::string>> Fields(std::string_view pointer) const;

   private:
    friend class JsonDocument;
    explicit Part(const void* node) : node_(node) {}
    const void* node_;
  };

  // InvalidArgument tells how the text begins that is no JSON.
  static absl::StatusOr<JsonDocument> Parse(std::string_view text);
  JsonDocument(JsonDocument&&) noexcept;
  ~JsonDocument();

  Part root() const;

 private:
  struct Tree;
  explicit JsonDocument(std::unique_ptr<Tree> tree);
  std::unique_ptr<Tree> tree_;
};

bool IsJsonObject(std::string_view text);

// Whether a text is a JSON pointer: empty, or "/" and names, with "~0" and "~1" for "~" and "/".
bool IsJsonPointer(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COMMON_JSON_DOCUMENT_H_
