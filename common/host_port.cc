#include "common/host_port.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace assay {
namespace {

absl::Status Refused(std::string_view address, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("'{}' {}", address, why));
}

}  // namespace

absl::Status CheckHostPort(std::string_view address, bool serves) {
  if (const size_t scheme = address.find("://"); scheme != std::string_view::npos) {
    std::string_view rest = address.substr(scheme + 3);
    rest = rest.substr(0, rest.find('/'));
    return Refused(address, fmt::format("is a URL; give HOST:PORT without {}{}", address.substr(0, scheme + 3),
                                        rest.empty() ? "" : fmt::format(", such as {}", rest)));
  }
  const size_t colon = address.rfind(':');
  const std::string_view host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && std::count(address.begin(), address.end(), ':') > 1)
    return Refused(address, "has more than one colon; write HOST:PORT, or [ADDRESS]:PORT for IPv6");
  if (colon == std::string_view::npos || colon + 1 == address.size())
    return Refused(address, "has no port; write HOST:PORT, such as head:7420");
  if (host.empty())
    return Refused(address, serves ? "has no address; write ADDRESS:PORT, such as 0.0.0.0:7420"
                                   : "has no host; write HOST:PORT, such as head:7420");
  if (host.find_first_of("/ ") != std::string_view::npos)
    return Refused(address, "has a host that is no name or address; write HOST:PORT, such as head:7420");
  uint16_t port = 0;
  const std::string_view digits = address.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || (port == 0 && !serves))
    return Refused(address, fmt::format("has no port from {} to 65535 behind its colon", serves ? 0 : 1));
  return absl::OkStatus();
}

}  // namespace assay
