#ifndef ASSAY_AGENT_SPOOL_SEGMENT_H_
#define ASSAY_AGENT_SPOOL_SEGMENT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/batch_outline.h"
#include "assay/v1/record.pb.h"

namespace assay {

// One append-only file of a stream: a header, then records. Record: u32 payload length, u32 CRC-32 of seq and payload,
// u64 seq, payload (a serialized Batch). Little-endian. The header repeats the shares open at its first record, because
// the segment that holds their ShareStart may be acknowledged and deleted long before a crash.
// Reads and writes are positional: any thread.
class SpoolSegment {
 public:
  struct Header {
    uint64_t first_seq = 1;
    int64_t created_wall_ns = 0;
    OpenShares open;
  };
  struct Entry {
    uint64_t offset = 0;  // of the record's own header
    uint32_t length = 0;  // of the payload; 0: damaged
  };
  struct Contents {
    Header header;
    std::vector<Entry> entries;  // of first_seq, first_seq + 1, ...
    OpenShares open;             // behind the last record
    uint64_t end_offset = 0;     // what lies behind is torn
  };
  static constexpr size_t kRecordHeaderBytes = 16;

  // The new file's directory entry is durable, its header not before Sync. ResourceExhausted: no space.
  static absl::StatusOr<std::shared_ptr<SpoolSegment>> Create(const std::string& path, const Header& header);
  static absl::StatusOr<std::shared_ptr<SpoolSegment>> Open(const std::string& path);
  ~SpoolSegment();
  SpoolSegment(const SpoolSegment&) = delete;
  SpoolSegment& operator=(const SpoolSegment&) = delete;

  // A record as it stands in the file.
  static std::string Encode(const v1::Batch& batch);

  // Reads and checks the whole file. DataLoss: not even the header is whole.
  absl::StatusOr<Contents> Scan() const;
  // The serialized batch. DataLoss: it is not what was written.
  absl::StatusOr<std::string> Read(const Entry& entry, uint64_t seq) const;
  // All or nothing as far as readers are concerned: after an error the caller writes at the same offset again.
  absl::Status Write(uint64_t offset, const std::vector<std::string_view>& records) const;
  absl::Status Sync() const;
  absl::Status CutAt(uint64_t offset) const;

  const std::string& path() const { return path_; }
  uint64_t header_bytes() const { return header_bytes_; }

 private:
  SpoolSegment(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  bool ReadAt(uint64_t offset, size_t length, std::string& bytes) const;

  const int fd_;
  const std::string path_;
  uint64_t header_bytes_ = 0;
};

// ResourceExhausted where space or quota ran out, else Unavailable; names what and the mend.
absl::Status FileError(int error, std::string_view doing, std::string_view path);

// Makes the names in a directory durable.
absl::Status SyncDirectory(const std::string& path);

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_SEGMENT_H_
