#ifndef ASSAY_STORAGE_PRIVATE_SERVER_H_
#define ASSAY_STORAGE_PRIVATE_SERVER_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <memory>
#include <string>

namespace assay {

class DirectoryLock;

// A PostgreSQL server of our own: initdb in <data_dir>/postgres, a unix socket, no TCP, trust for whoever may enter the
// directory. As root it runs as the postgres user. It ends with the thread that called Start (the kernel's parent-death
// signal is per thread, so call it on one that lives as long as the server, such as main's) or with the object.
// <data_dir>/lock is held meanwhile. The programs are those of $ASSAY_POSTGRES_BIN if it is set, else of Debian's
// newest PostgreSQL >= 15, else of PATH.
class PrivateServer {
 public:
  // Errors, each with its mend: no PostgreSQL 15+ binaries, directory not reachable for the postgres user, directory in
  // use by another Assay, disk full, data of another major version, server did not come up (with the last lines of its
  // log).
  static absl::StatusOr<std::unique_ptr<PrivateServer>> Start(const std::string& data_dir);
  ~PrivateServer();  // fast shutdown, waits for it

  const std::string& url() const { return url_; }  // libpq URL, database assay
  const std::string& socket_dir() const { return socket_dir_; }
  pid_t pid() const { return pid_; }  // postmaster
  bool running() const;
  // What to say when it is not: the end of its log.
  std::string Obituary() const;
  // Path below the cgroup root where the server runs; its own cgroup if one could be made.
  const std::string& cgroup() const { return cgroup_; }

 private:
  PrivateServer() = default;
  std::unique_ptr<DirectoryLock> lock_;
  std::string url_;
  std::string log_;
  std::string socket_dir_;
  bool socket_dir_is_temporary_ = false;
  std::string cgroup_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
};

}  // namespace assay

#endif  // ASSAY_STORAGE_PRIVATE_SERVER_H_
