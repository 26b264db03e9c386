#ifndef ASSAY_STORAGE_SERVER_CGROUP_H_
#define ASSAY_STORAGE_SERVER_CGROUP_H_

#include <sys/types.h>

#include <string>

namespace assay {

// Puts a server and what it has forked so far into a cgroup of its own, /assay/postgres-<pid> in every hierarchy that
// can be written, so that a sweep can sample its own database. Best effort: returns the path below the cgroup root
// where the process is in the end.
std::string MoveToOwnCgroup(pid_t pid);

// Removes the cgroup of an ended server, and those that servers killed earlier have left behind.
void RemoveServerCgroups(pid_t ended);

}  // namespace assay

#endif  // ASSAY_STORAGE_SERVER_CGROUP_H_
