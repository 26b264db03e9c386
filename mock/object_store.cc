#include "mock/object_store.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/units.h"

namespace assay {
namespace {

constexpr uint64_t kPatternBytes = 1'048'573;  // a prime, so that no usual size of blocks is a multiple of it
constexpr uint64_t kPatternFactor = 2'654'435'761;

const std::string& Pattern() {
  static const std::string pattern = [] {
    std::string bytes(kPatternBytes, '\0');
    for (uint64_t p = 0; p < kPatternBytes; ++p) bytes[p] = static_cast<char>((p * kPatternFactor >> 24) & 0xff);
    return bytes;
  }();
  return pattern;
}

uint32_t Crc32(const std::string& text) {
  return static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

// S3's ETag of an object that was put whole; some clients check it.
std::string QuotedMd5(const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_md5(), nullptr);
  return fmt::format("\"{:02x}\"", fmt::join(digest.data(), digest.data() + length, ""));
}

}  // namespace

std::string_view Object::From(uint64_t offset) const {
  if (bytes != nullptr) return std::string_view(*bytes).substr(offset);
  const std::string_view rest = std::string_view(Pattern()).substr((pattern_start + offset) % kPatternBytes);
  return rest.substr(0, size - offset);
}

ObjectStore::ObjectStore(const Options& options) : options_(options) {
  for (uint32_t key = 0; key < options.objects; ++key) {
    const std::string name = fmt::format("{}/{}", kMadeBucket, key);
    objects_.emplace(name, Generated(name));
  }
}

Object ObjectStore::Generated(const std::string& name) const {
  const uint32_t crc = Crc32(name);
  // With a dash, as of an upload in parts: no client takes it for the MD5 of the content.
  return {.size = options_.object_size,
          .etag = fmt::format("\"{:08x}-{}\"", crc, options_.object_size),
          .bytes = nullptr,
          .pattern_start = crc % kPatternBytes};
}

std::optional<Object> ObjectStore::Find(const std::string& name) const {
  if (const auto found = objects_.find(name); found != objects_.end()) return found->second;
  if (options_.objects > 0) return std::nullopt;
  return Generated(name);
}

absl::StatusOr<Object> ObjectStore::Put(const std::string& name, std::string bytes) {
  const auto old = objects_.find(name);
  const uint64_t freed = old != objects_.end() && old->second.bytes != nullptr ? old->second.size : 0;
  if (stored_bytes_ - freed + bytes.size() > options_.limit_bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("objects that were put may take {} (--store-limit)", FormatBytes(options_.limit_bytes)));
  }
  stored_bytes_ = stored_bytes_ - freed + bytes.size();
  Object object{.size = bytes.size(), .etag = QuotedMd5(bytes), .bytes = nullptr};
  object.bytes = std::make_shared<const std::string>(std::move(bytes));
  return objects_.insert_or_assign(name, std::move(object)).first->second;
}

void ObjectStore::Delete(const std::string& name) {
  const auto found = objects_.find(name);
  if (found == objects_.end()) return;
  if (found->second.bytes != nullptr) stored_bytes_ -= found->second.size;
  objects_.erase(found);
}

std::pair<std::vector<ObjectStore::Listed>, bool> ObjectStore::List(const std::string& bucket,
                                                                    const std::string& prefix, const std::string& after,
                                                                    size_t most) const {
  const std::string front = bucket + "/" + prefix;
  std::vector<Listed> listed;
  // The first name behind `after` is `after` and a zero.
  const std::string start = after.empty() ? front : std::max(front, bucket + "/" + after + '\0');
  auto at = objects_.lower_bound(start);
  for (; at != objects_.end() && at->first.starts_with(front); ++at) {
    if (listed.size() == most) return {std::move(listed), true};
    listed.push_back({at->first.substr(bucket.size() + 1), at->second.size, at->second.etag});
  }
  return {std::move(listed), false};
}

}  // namespace assay
