#include "coordinator/docker_display.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace assay {
namespace {

constexpr size_t kShortId = 12;

template <size_t N>
std::string Scaled(int64_t bytes, double base, const std::array<const char*, N>& units) {
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= base && unit + 1 < N) {
    value /= base;
    ++unit;
  }
  return fmt::format("{:.4g}{}", value, units[unit]);
}

}  // namespace

std::string DockerBinarySize(int64_t bytes) { return Scaled<6>(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"}); }
std::string DockerDecimalSize(int64_t bytes) { return Scaled<6>(bytes, 1000, {"B", "kB", "MB", "GB", "TB", "PB"}); }

ContainerName NameOfCgroup(std::string_view path, uint64_t inode) {
  std::string_view last = path.substr(path.rfind('/') + 1);
  ContainerName container{fmt::format("{:012x}", inode), std::string(last.empty() ? "/" : last)};
  // "docker-<64 hex>.scope" (systemd driver) or "<64 hex>" (cgroupfs driver).
  if (last.starts_with("docker-")) last.remove_prefix(7);
  if (last.ends_with(".scope")) last.remove_suffix(6);
  const bool hex =
      std::all_of(last.begin(), last.end(), [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
  if (hex && last.size() == 64) container.id = last.substr(0, kShortId);
  return container;
}

}  // namespace assay
