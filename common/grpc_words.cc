#include "common/grpc_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

// "a.b.c": identifiers, none of them empty.
bool IsDotted(std::string_view text) {
  bool begins = true;
  for (const char c : text) {
    if (c == '.' ? begins : !IsLowerOrDigit(c) && !IsUpper(c) && c != '_') return false;
    begins = c == '.';
  }
  return !begins;
}

}  // namespace

std::string GrpcCodeName(int code) {
  const auto at = static_cast<size_t>(code);
  return at < kGrpcCodeNames.size() ? std::string(kGrpcCodeNames.at(at)) : fmt::format("code {}", code);
}

std::optional<uint32_t> GrpcCodeOf(std::string_view name) {
  const auto* const found = std::find(kGrpcCodeNames.begin(), kGrpcCodeNames.end(), name);
  if (found == kGrpcCodeNames.end()) return std::nullopt;
  return static_cast<uint32_t>(found - kGrpcCodeNames.begin());
}

bool IsGrpcMethod(std::string_view method) {
  const size_t slash = method.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view call = method.substr(slash + 1);
  return IsDotted(method.substr(0, slash)) && IsDotted(call) && call.find('.') == std::string_view::npos;
}

std::string WrongGrpcMetadata(std::string_view name, std::string_view value) {
  if (name.empty() || !std::all_of(name.begin(), name.end(),
                                   [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '_' || c == '.'; }))
    return fmt::format("'{}' cannot be a name: only lower case letters, digits, '-', '_' and '.' can", name);
  if (name.starts_with("grpc-") || name == "te" || name == "content-type" || name == "user-agent" || name == "host")
    return fmt::format("'{}' is set by gRPC itself", name);
  const bool binary = name.ends_with("-bin");
  if (!binary && !std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    return fmt::format("the value of '{}' holds more than printable ASCII; a name that ends in -bin takes any", name);
  return "";
}

}  // namespace assay
