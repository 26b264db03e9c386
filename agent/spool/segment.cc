#include "agent/spool/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace assay {
namespace {

static_assert(std::endian::native == std::endian::little, "spool files are little-endian");

constexpr std::string_view kMagic = "assaysp1";
constexpr size_t kFixedHeaderBytes = 8 + 8 + 8 + 4 + 4;
constexpr uint32_t kMaxOpenShares = 1 << 16;
constexpr size_t kWriteBuffers = 256;

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T Get(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

uint32_t Checksum(uint64_t seq, std::string_view payload) {
  const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(&seq), sizeof(seq));
  return static_cast<uint32_t>(
      crc32(crc, reinterpret_cast<const Bytef*>(payload.data()), static_cast<uInt>(payload.size())));
}

// The record at `offset` if it is whole and has that number.
bool WholeRecord(std::string_view file, uint64_t offset, uint64_t seq, std::string_view& payload) {
  if (offset + SpoolSegment::kRecordHeaderBytes > file.size()) return false;
  const auto length = Get<uint32_t>(file, offset);
  if (length == 0 || offset + SpoolSegment::kRecordHeaderBytes + length > file.size()) return false;
  if (Get<uint64_t>(file, offset + 8) != seq) return false;
  payload = file.substr(offset + SpoolSegment::kRecordHeaderBytes, length);
  return Get<uint32_t>(file, offset + 4) == Checksum(seq, payload);
}

}  // namespace

absl::Status FileError(int error, std::string_view doing, std::string_view path) {
  // EFBIG is a limit on the size of files: to the agent it is a disk that takes no more.
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot {} {}: {}; free space there, or give this agent a --spool on another disk", doing, path,
                    std::strerror(error)));
  }
  return absl::UnavailableError(fmt::format("cannot {} {}: {}", doing, path, std::strerror(error)));
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError(errno, "open", path);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : FileError(error, "sync", path);
}

absl::StatusOr<std::shared_ptr<SpoolSegment>> SpoolSegment::Create(const std::string& path, const Header& header) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(errno, "create", path);
  std::shared_ptr<SpoolSegment> segment(new SpoolSegment(fd, path));
  std::string bytes(kMagic);
  Put(bytes, header.first_seq);
  Put(bytes, header.created_wall_ns);
  Put(bytes, static_cast<uint32_t>(header.open.triggers_by_run().size()));
  std::string shares;
  for (const auto& [run_id, triggers] : header.open.triggers_by_run()) {
    Put(shares, run_id);
    Put(shares, triggers);
  }
  Put(bytes, Checksum(header.first_seq ^ static_cast<uint64_t>(header.created_wall_ns), shares));
  bytes += shares;
  absl::Status status = segment->Write(0, {bytes});
  if (status.ok()) status = SyncDirectory(std::filesystem::path(path).parent_path());
  if (!status.ok()) {
    unlink(path.c_str());
    return status;
  }
  segment->header_bytes_ = bytes.size();
  return segment;
}

absl::StatusOr<std::shared_ptr<SpoolSegment>> SpoolSegment::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return FileError(errno, "open", path);
  return std::shared_ptr<SpoolSegment>(new SpoolSegment(fd, path));
}

SpoolSegment::~SpoolSegment() { close(fd_); }

std::string SpoolSegment::Encode(const v1::Batch& batch) {
  const size_t length = batch.ByteSizeLong();
  std::string record(kRecordHeaderBytes + length, '\0');
  batch.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(record.data()) + kRecordHeaderBytes);
  const uint64_t seq = batch.seq();
  const auto length32 = static_cast<uint32_t>(length);
  const uint32_t crc = Checksum(seq, std::string_view(record).substr(kRecordHeaderBytes));
  std::memcpy(record.data(), &length32, 4);
  std::memcpy(record.data() + 4, &crc, 4);
  std::memcpy(record.data() + 8, &seq, 8);
  return record;
}

bool SpoolSegment::ReadAt(uint64_t offset, size_t length, std::string& bytes) const {
  bytes.resize(length);
  size_t done = 0;
  while (done < length) {
    const ssize_t n = pread(fd_, bytes.data() + done, length - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

absl::StatusOr<SpoolSegment::Contents> SpoolSegment::Scan() const {
  struct stat about {};
  std::string file;
  if (fstat(fd_, &about) != 0 || !ReadAt(0, static_cast<size_t>(about.st_size), file)) {
    return FileError(errno, "read", path_);
  }
  absl::Status damaged = absl::DataLossError(fmt::format("{} has no whole header", path_));
  if (file.size() < kFixedHeaderBytes || !file.starts_with(kMagic)) return damaged;
  Contents contents;
  contents.header.first_seq = Get<uint64_t>(file, 8);
  contents.header.created_wall_ns = Get<int64_t>(file, 16);
  const auto open_count = Get<uint32_t>(file, 24);
  if (open_count > kMaxOpenShares || file.size() < kFixedHeaderBytes + open_count * 16) return damaged;
  const std::string_view shares = std::string_view(file).substr(kFixedHeaderBytes, open_count * 16);
  if (Get<uint32_t>(file, 28) !=
      Checksum(contents.header.first_seq ^ static_cast<uint64_t>(contents.header.created_wall_ns), shares)) {
    return damaged;
  }
  for (size_t i = 0; i < open_count; ++i) {
    contents.header.open.Restore(Get<int64_t>(shares, i * 16), Get<uint64_t>(shares, i * 16 + 8));
  }
  contents.open = contents.header.open;

  uint64_t offset = kFixedHeaderBytes + shares.size();
  for (uint64_t seq = contents.header.first_seq; offset + kRecordHeaderBytes <= file.size(); ++seq) {
    const auto length = Get<uint32_t>(file, offset);
    std::string_view payload;
    BatchOutline outline;
    if (WholeRecord(file, offset, seq, payload) && BatchOutline::Read(payload, outline)) {
      contents.open.Apply(outline);
      contents.entries.push_back({offset, length});
    } else if (WholeRecord(file, offset + kRecordHeaderBytes + length, seq + 1, payload)) {
      contents.entries.push_back({offset, 0});  // damaged between whole records: not torn, the rest is good
    } else {
      break;
    }
    offset += kRecordHeaderBytes + length;
  }
  contents.end_offset = offset;
  return contents;
}

absl::StatusOr<std::string> SpoolSegment::Read(const Entry& entry, uint64_t seq) const {
  std::string record;
  std::string_view payload;
  if (entry.length == 0 || !ReadAt(entry.offset, kRecordHeaderBytes + entry.length, record) ||
      !WholeRecord(record, 0, seq, payload)) {
    return absl::DataLossError(fmt::format("batch {} in {} is damaged", seq, path_));
  }
  record.erase(0, kRecordHeaderBytes);
  return record;
}

absl::Status SpoolSegment::Write(uint64_t offset, const std::vector<std::string_view>& records) const {
  std::vector<iovec> buffers;
  buffers.reserve(records.size());
  for (const std::string_view record : records) {
    buffers.push_back({const_cast<char*>(record.data()), record.size()});
  }
  size_t first = 0;
  while (first < buffers.size()) {
    const ssize_t n =
        pwritev(fd_, buffers.data() + first, static_cast<int>(std::min(buffers.size() - first, kWriteBuffers)),
                static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError(n < 0 ? errno : ENOSPC, "write", path_);
    offset += static_cast<uint64_t>(n);
    size_t left = static_cast<size_t>(n);
    while (first < buffers.size() && left >= buffers[first].iov_len) left -= buffers[first++].iov_len;
    if (left > 0) {
      buffers[first].iov_base = static_cast<char*>(buffers[first].iov_base) + left;
      buffers[first].iov_len -= left;
    }
  }
  return absl::OkStatus();
}

absl::Status SpoolSegment::Sync() const {
  return fdatasync(fd_) == 0 ? absl::OkStatus() : FileError(errno, "sync", path_);
}

absl::Status SpoolSegment::CutAt(uint64_t offset) const {
  return ftruncate(fd_, static_cast<off_t>(offset)) == 0 ? absl::OkStatus() : FileError(errno, "truncate", path_);
}

}  // namespace assay
