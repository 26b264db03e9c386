#ifndef ASSAY_MOCK_OBJECT_STORE_H_
#define ASSAY_MOCK_OBJECT_STORE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct Object {
  uint64_t size = 0;
  std::string etag;                          // in its quotes
  std::shared_ptr<const std::string> bytes;  // null: generated
  uint64_t pattern_start = 0;                // of a generated one

  // A stretch of the content from `offset` on, at least one byte of it, up to `size`: in memory that stays.
  std::string_view From(uint64_t offset) const;
};

// Buckets of objects in memory: those that were put, and generated ones whose bytes follow from name and offset. With p
// = (crc32("bucket/key") + offset) mod 1,048,573 a byte is bits 24 to 31 of p * 2,654,435,761; a client can check it,
// and it costs no memory.
class ObjectStore {
 public:
  static constexpr const char* kMadeBucket = "bench";
  struct Options {
    uint64_t object_size = 64 << 10;           // of generated objects
    uint32_t objects = 0;                      // bucket `bench` has keys 0 to N-1 and other keys only if they were put;
                                               // 0: every key of every bucket exists
    uint64_t limit_bytes = uint64_t{1} << 30;  // of what is put
  };
  explicit ObjectStore(const Options& options);

  // `name`: bucket/key.
  std::optional<Object> Find(const std::string& name) const;
  // ResourceExhausted beyond the limit.
  absl::StatusOr<Object> Put(const std::string& name, std::string bytes);
  void Delete(const std::string& name);

  struct Listed {
    std::string key;
    uint64_t size;
    std::string etag;
  };
  // Keys of a bucket with this prefix, in byte order, after `after`: at most `most` of them, and whether there are
  // more. Those that exist only because every key does are not told.
  std::pair<std::vector<Listed>, bool> List(const std::string& bucket, const std::string& prefix,
                                            const std::string& after, size_t most) const;

 private:
  Object Generated(const std::string& name) const;

  const Options options_;
  std::map<std::string, Object> objects_;
  uint64_t stored_bytes_ = 0;
};

}  // namespace assay

#endif  // ASSAY_MOCK_OBJECT_STORE_H_
