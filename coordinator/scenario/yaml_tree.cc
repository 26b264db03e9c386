#include "coordinator/scenario/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "yaml-cpp/eventhandler.h"

namespace assay {
namespace {

// Leaves yaml-cpp's parser; never leaves this file.
struct TreeError {
  YamlPlace place;
  std::string what;
  std::string mend;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const YamlSource> source, uint32_t first_line_shift)
      : source_(std::move(source)), shift_(first_line_shift) {}

  YamlNodePtr root;

  YamlPlace PlaceOf(const YAML::Mark& mark) const {
    if (mark.is_null()) return {source_, 0, shift_};
    const auto column = static_cast<uint32_t>(mark.column);
    return {source_, static_cast<uint32_t>(mark.line), column + (mark.line == 0 ? shift_ : 0)};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root != nullptr)
      Fail(PlaceOf(mark), "a second document begins here",
           "keep one scenario per file: remove the '---', or what stands above this line and is no YAML");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto node = Make(YamlNode::Kind::kNull, mark, "");
    // An empty value has the place of whatever follows it; people look for it at its key.
    if (!stack_.empty() && stack_.back().key != nullptr && node->place.line != stack_.back().key->place.line) {
      node->place = stack_.back().key->place;
    }
    Add(node, anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = Make(YamlNode::Kind::kScalar, mark, tag);
    node->quoted = tag == "!";
    node->text = value;
    if (value.find('\0') != std::string::npos)
      Fail(node->place, "a NUL character cannot stand in a scenario", "remove the \\0");
    Add(node, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end())
      Fail(PlaceOf(mark), "this alias refers to a value that holds it", "write the value out");
    Count(known->second->size, PlaceOf(mark));
    if (stack_.size() + known->second->height > kMaxYamlDepth) TooDeep(PlaceOf(mark));
    Place(known->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Make(YamlNode::Kind::kSequence, mark, tag), anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Make(YamlNode::Kind::kMap, mark, tag), anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    YamlNodePtr key;                                  // of a map: waits for its value
    std::unordered_map<std::string, uint32_t> lines;  // of a map: where a key stood first
  };

  [[noreturn]] static void Fail(YamlPlace place, std::string what, std::string mend) {
    throw TreeError{std::move(place), std::move(what), std::move(mend)};
  }
  [[noreturn]] static void TooDeep(YamlPlace place) {
    Fail(std::move(place), fmt::format("this is nested more than {} levels deep", kMaxYamlDepth),
         "no scenario needs that; flatten it");
  }

  void Count(uint64_t nodes, const YamlPlace& place) {
    nodes_ += nodes;
    if (nodes_ > kMaxYamlNodes) {
      Fail(place,
           fmt::format("the document has more than {} values here, aliases counted as often as they are used",
                       kMaxYamlNodes),
           "split the scenario, or use fewer aliases");
    }
  }

  std::shared_ptr<YamlNode> Make(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->place = PlaceOf(mark);
    // yaml-cpp calls plain scalars "?" and quoted ones "!".
    if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(node->place, fmt::format("the tag {} is not part of the language", Quoted(tag)), "remove the tag");
    }
    Count(1, node->place);
    return node;
  }

  void Open(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor) {
    if (stack_.size() + 1 >= kMaxYamlDepth) TooDeep(node->place);
    stack_.push_back({std::move(node), anchor, nullptr, {}});
  }

  void Close() {
    const Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Add(frame.node, frame.anchor);
  }

  void Add(const std::shared_ptr<YamlNode>& node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    Place(node);
  }

  void Place(const YamlNodePtr& node) {
    if (stack_.empty()) {
      root = node;
      return;
    }
    Frame& frame = stack_.back();
    frame.node->size += node->size;
    frame.node->height = std::max(frame.node->height, node->height + 1);
    if (frame.node->IsSequence()) {
      frame.node->items.push_back(node);
    } else if (frame.key == nullptr) {
      CheckKey(frame, *node);
      frame.key = node;
    } else {
      frame.node->entries.push_back({std::exchange(frame.key, nullptr), node});
    }
  }

  static void CheckKey(Frame& frame, const YamlNode& key) {
    if (!key.IsScalar()) Fail(key.place, "a key must be a word", "write 'key: value'");
    if (key.text == "<<" && !key.quoted)
      Fail(key.place, "merge keys (<<) are not part of the language", "write the keys out");
    const auto [first, fresh] = frame.lines.emplace(key.text, key.place.line);
    if (!fresh) {
      Fail(key.place,
           fmt::format("the key {} stands twice in this map, first in line {}", Quoted(key.text), first->second + 1),
           "remove one of them");
    }
  }

  std::shared_ptr<const YamlSource> source_;
  uint32_t shift_;  // the document begins in the middle of the source's first line
  std::vector<Frame> stack_;
  std::unordered_map<YAML::anchor_t, YamlNodePtr> anchors_;
  uint64_t nodes_ = 0;
};

// yaml-cpp's words say what its scanner met; these say what to do about it.
std::string_view MendFor(std::string_view message) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kMends{{
      {"unknown token", "a text that begins with @, ` or % needs quotes: \"@name\""},
      {"illegal map value", "a text that holds ': ' needs quotes; keys of one map need the same indentation"},
      {"end of map not found", "indent this line as its neighbours, and put ': ' after a key"},
      {"end of sequence not found", "indent every '- ' of one list alike"},
      {"end of sequence flow not found", "close the list with ]"},
      {"end of map flow not found", "close the map with }"},
      {"illegal EOF in scalar", "close the quotes"},
      {"illegal block entry", "a list item '- ' cannot stand here; begin it on a line of its own"},
      {"the referenced anchor is not defined", "define it earlier in the file with &name"},
  }};
  for (const auto& [part, mend] : kMends) {
    if (message.find(part) != std::string_view::npos) return mend;
  }
  return "check the quotes, the brackets and the indentation around this place";
}

std::string_view LineAt(std::string_view text, uint32_t line) {
  for (; line > 0 && text.find('\n') != std::string_view::npos; --line) text.remove_prefix(text.find('\n') + 1);
  return text.substr(0, text.find('\n'));
}

}  // namespace

absl::StatusOr<YamlNodePtr> ParseYaml(const std::shared_ptr<const YamlSource>& source, size_t offset) {
  if (const absl::Status status = CheckYamlText(source); !status.ok()) return status;
  TreeBuilder builder(source, static_cast<uint32_t>(offset));
  try {
    std::istringstream stream(source->text.substr(offset));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const TreeError& error) {
    return ErrorAt(error.place, error.what, error.mend);
  } catch (const YAML::Exception& error) {
    YamlPlace place = builder.PlaceOf(error.mark);
    const std::string_view line = LineAt(source->text, place.line);
    const size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    if (tab != std::string_view::npos) {
      place.column = static_cast<uint32_t>(tab);
      return ErrorAt(place, "a tab indents this line", "indent with spaces, never with tabs");
    }
    return ErrorAt(place, fmt::format("this is not YAML: {}", error.msg), MendFor(error.msg));
  } catch (const std::exception& error) {
    return ErrorAt({source}, fmt::format("the YAML cannot be read: {}", error.what()), "");
  }
  if (builder.root == nullptr || builder.root->IsNull()) {
    return ErrorAt({source, 0, static_cast<uint32_t>(offset)},
                   source->from_set ? "there is no value" : "the file is empty",
                   source->from_set ? "write name=value" : "a scenario begins with 'name: ...'");
  }
  return builder.root;
}

}  // namespace assay
