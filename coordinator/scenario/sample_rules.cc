#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

const Rule kSampleEvery = Duration(10 * kMs, kHour);
const Rule kCooldown = Duration(0, kHour);
const Rule kCgroup{.kind = ValueKind::kCgroup};
const Rule kCgroups = ListOf(kCgroup, 0, 1'000);
const Rule kNameGlob{.kind = ValueKind::kGlob, .max = 1};
const Rule kNameGlobs = ListOf(kNameGlob, 0, 1'000);
const Rule kPairGlob{.kind = ValueKind::kGlob, .max = 2};
const Rule kPairGlobs = ListOf(kPairGlob, 0, 1'000);
const Shape kSampleShape{
    .fields = {
        {"every", &kSampleEvery, "time between two samples; default: 1s"},
        {"cooldown", &kCooldown, "sampling goes on this long after the last trigger; default: 5s"},
        {"host", &kBoolean, "sample the host too; default: true"},
        {"run", &kBoolean,
         "the processes of exec or driver triggers, in a cgroup of their own, as 'run'; default: false"},
        {"where", &kLabels, "labels; default: the agents that fire"},
        {"cgroups", &kCgroups, "path globs below the cgroup root, or @alias"},
        {"containers", &kNameGlobs, "containers by name or glob, or by 12 digits of the id or more"},
        {"compose", &kPairGlobs, "containers of a Compose project, or of project/service"},
        {"labels", &kLabels, "containers that have every one of these labels"},
        {"units", &kNameGlobs, "systemd units by name or glob, wherever they are in the hierarchy"},
        {"pods", &kPairGlobs, "containers of a Kubernetes pod: name, or namespace/name"},
        {"socket", &kSocket, "the container engine's unix socket on the agent's host; default: /var/run/docker.sock"}}};

}  // namespace

const Rule kSample = MapOf(kSampleShape);

}  // namespace assay::rules
