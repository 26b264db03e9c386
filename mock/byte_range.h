#ifndef ASSAY_MOCK_BYTE_RANGE_H_
#define ASSAY_MOCK_BYTE_RANGE_H_

#include <cstdint>
#include <string_view>

namespace assay {

// What a Range header asks for of an object of `size` bytes (RFC 9110, 14).
struct ByteRange {
  enum class Kind {
    kWhole,          // no header, or one that is to be ignored: another unit, or no range at all
    kPart,           // first_byte and length
    kUnsatisfiable,  // beyond the end, or several ranges: objects give one at a time, as S3's do
  };
  Kind kind = Kind::kWhole;
  uint64_t first_byte = 0;
  uint64_t length = 0;

  static ByteRange Parse(std::string_view header, uint64_t size);
};

}  // namespace assay

#endif  // ASSAY_MOCK_BYTE_RANGE_H_
