#ifndef ASSAY_STORAGE_PRIVATE_SERVER_H_
#define ASSAY_STORAGE_PRIVATE_SERVER_H_

#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <sys/types.h>

namespace assay {

// A PostgreSQL server of our own: initdb in <data_dir>/postgres, a unix socket, no TCP, trust for whoever may enter the directory.
// As root it runs as the postgres user. It ends with this process (parent-death signal) or with the object.
class PrivateServer {
 public:
  // Errors, each with its mend: no PostgreSQL 15+ binaries, directory not reachable for the postgres user, directory in use by another
  // Assay, disk full, data of another major version, server did not come up (with the last lines of its log).
  static absl::StatusOr<std::unique_ptr<PrivateServer>> Start(const std::string& data_dir);
  ~PrivateServer();  // fast shutdown, waits for it

  const std::string& url() const { return url_; }          // libpq URL, database assay
  const std::string& socket_dir() const { return socket_dir_; }
  pid_t pid() const { return pid_; }                        // postmaster
  // Path below the cgroup root where the server runs; its own cgroup if one could be made.
  const std::string& cgroup() const { return cgroup_; }

 private:
  PrivateServer() = default;
  std::string url_;
  std::string socket_dir_;
  std::string cgroup_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
};

}  // namespace assay

#endif  // ASSAY_STORAGE_PRIVATE_SERVER_H_
