#include "common/nearest_name.h"

#include <algorithm>
#include <cctype>

namespace assay {
namespace {

bool SameButForCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char one, unsigned char other) { return std::tolower(one) == std::tolower(other); });
}

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  // Optimal string alignment; three rows are enough.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string> NearestName(std::string_view word, const std::vector<std::string>& known) {
  constexpr size_t kMinPrefix = 3;
  std::optional<std::string> best;
  size_t best_distance = 0;
  for (const std::string& name : known) {
    if (SameButForCase(word, name)) return name;
    const size_t shorter = std::min(word.size(), name.size());
    const size_t longer = std::max(word.size(), name.size());
    const size_t allowed = std::max<size_t>(1, longer / 3);
    const bool prefix = shorter >= kMinPrefix && word.substr(0, shorter) == std::string_view(name).substr(0, shorter);
    if (longer - shorter > allowed && !(prefix && longer <= 2 * shorter + kMinPrefix)) continue;
    const size_t distance = EditDistance(word, name);
    if (distance == longer) continue;  // not one character in common
    if ((distance <= allowed || prefix) && (!best || distance < best_distance)) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace assay
