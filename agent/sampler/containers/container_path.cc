#include "agent/sampler/containers/container_path.h"

#include <algorithm>

namespace assay {
namespace {

constexpr size_t kIdDigits = 64;
constexpr size_t kUidDigits = 36;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view TakeLast(std::string_view& path) {
  const size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  return last;
}

// "podUID", or "kubepods-burstable-podUID.slice" where systemd wants '_' for the '-' of the uid. Static pods have a
// hash without dashes.
std::string PodUidOf(std::string_view segment) {
  if (segment.ends_with(".slice")) segment.remove_suffix(6);
  const size_t pod = segment.rfind("pod");
  if (pod == std::string_view::npos || (pod > 0 && segment[pod - 1] != '-')) return "";
  std::string uid(segment.substr(pod + 3));
  std::replace(uid.begin(), uid.end(), '_', '-');
  std::string digits = uid;
  std::erase(digits, '-');
  return uid.size() <= kUidDigits && digits.size() == 32 && IsHex(digits) ? uid : "";
}

}  // namespace

std::optional<ContainerPath> ContainerPath::Parse(std::string_view cgroup) {
  std::string_view last = TakeLast(cgroup);
  if (last.ends_with(".scope")) last.remove_suffix(6);
  if (last.size() < kIdDigits) return std::nullopt;
  const std::string_view id = last.substr(last.size() - kIdDigits);
  const std::string_view prefix = last.substr(0, last.size() - kIdDigits);
  if (!IsHex(id) || (!prefix.empty() && prefix.back() != '-') || prefix.ends_with("conmon-")) return std::nullopt;
  return ContainerPath{std::string(id), PodUidOf(TakeLast(cgroup))};
}

std::string UnitOfCgroup(std::string_view cgroup) {
  for (bool own = true; !cgroup.empty(); own = false) {
    const std::string_view segment = TakeLast(cgroup);
    const size_t dot = segment.rfind('.');
    if (dot == std::string_view::npos || dot == 0) continue;
    const std::string_view kind = segment.substr(dot + 1);
    if (kind == "service" || kind == "scope" || kind == "socket" || kind == "mount" || kind == "swap" ||
        (own && kind == "slice"))
      return std::string(segment);
  }
  return "";
}

}  // namespace assay
