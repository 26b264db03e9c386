#include "common/template.h"

namespace assay {
namespace {

// One piece of a template: literal text, an escaped "$(", or a reference.
struct Piece {
  enum Kind { kLiteral, kEscape, kName } kind;
  std::string_view text;
};

template <typename Visit>
void ForEachPiece(std::string_view text, const Visit& visit) {
  size_t from = 0;
  while (from < text.size()) {
    const size_t dollar = text.find("$(", from);
    if (dollar == std::string_view::npos) break;
    if (dollar > from && text[dollar - 1] == '$') {
      visit(Piece{Piece::kLiteral, text.substr(from, dollar - 1 - from)});
      visit(Piece{Piece::kEscape, "$("});
      from = dollar + 2;
      continue;
    }
    const size_t close = text.find(')', dollar);
    if (close == std::string_view::npos) break;
    visit(Piece{Piece::kLiteral, text.substr(from, dollar - from)});
    visit(Piece{Piece::kName, text.substr(dollar + 2, close - dollar - 2)});
    from = close + 1;
  }
  visit(Piece{Piece::kLiteral, text.substr(from)});
}

}  // namespace

std::string ExpandTemplate(std::string_view text,
                           const std::function<std::optional<std::string>(std::string_view)>& value,
                           bool keep_escapes) {
  std::string out;
  ForEachPiece(text, [&](const Piece& piece) {
    if (piece.kind == Piece::kLiteral) {
      out += piece.text;
    } else if (piece.kind == Piece::kEscape) {
      out += keep_escapes ? "$$(" : "$(";
    } else if (const std::optional<std::string> known = value(piece.text)) {
      out += *known;
    } else {
      out.append("$(").append(piece.text).append(")");
    }
  });
  return out;
}

std::vector<std::string> TemplateNames(std::string_view text) {
  std::vector<std::string> names;
  ForEachPiece(text, [&](const Piece& piece) {
    if (piece.kind == Piece::kName) names.emplace_back(piece.text);
  });
  return names;
}

}  // namespace assay
