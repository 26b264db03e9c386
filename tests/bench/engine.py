"""A container engine of the bench's own: Debian's dockerd with everything in one directory, and as many idle containers as are asked for."""

import os
import pathlib
import shutil
import subprocess
import time

PATIENCE_S = 60
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Engine:
    """Raises RuntimeError where it cannot run: no root, no dockerd, or a machine that lets it start nothing."""

    def __init__(self, scratch, containers):
        self.socket = os.path.join(scratch, "docker.sock")
        self.names = []
        self.netns = os.path.join(scratch, "exec", "netns", "default")
        if os.geteuid() != 0 or not shutil.which("dockerd") or not os.path.exists("/bin/busybox"):
            raise RuntimeError("needs root, dockerd and busybox-static (deploy/install test)")
        self.log = open(os.path.join(scratch, "dockerd.log"), "wb")
        self.daemon = subprocess.Popen(
            ["dockerd", "--data-root", os.path.join(scratch, "docker"), "--exec-root", os.path.join(scratch, "exec"), "--pidfile",
             os.path.join(scratch, "docker.pid"), "--host", f"unix://{self.socket}", "--storage-driver", "vfs", "--bridge", "none",
             "--iptables=false", "--ip-masq=false"], stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.start(scratch, containers)
        except BaseException:
            self.close()
            raise

    def start(self, scratch, containers):
        end = time.monotonic() + PATIENCE_S
        while self.docker("version").returncode != 0:
            if self.daemon.poll() is not None or time.monotonic() > end:
                raise RuntimeError("dockerd does not run here, see its log")
            time.sleep(0.1)
        root = os.path.join(scratch, "image", "bin")
        os.makedirs(root)
        shutil.copy("/bin/busybox", root)
        os.symlink("busybox", os.path.join(root, "sleep"))
        archive = subprocess.run(["tar", "-C", os.path.join(scratch, "image"), "-c", "."], stdout=subprocess.PIPE, check=True).stdout
        self.docker("import", "-", "bench", input=archive)
        for number in range(containers):
            name = f"bench-{number}"
            made = self.docker("run", "--detach", "--network", "none", "--name", name, "bench", "/bin/sleep", "100000")
            if made.returncode != 0:
                raise RuntimeError("no container starts here: " + made.stderr.decode()[-200:])
            self.names.append(name)

    def argv(self, *words):
        return ["docker", "--host", f"unix://{self.socket}", *words]

    def docker(self, *words, **options):
        return subprocess.run(self.argv(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)

    def stats_once(self):
        """Seconds that one `docker stats --no-stream` takes."""
        begin = time.monotonic()
        self.docker("stats", "--no-stream")
        return time.monotonic() - begin

    def stats_stream(self, seconds):
        """Percent of a core that streaming `docker stats` costs: its own process, dockerd and containerd, less what they use without it."""
        idle = self.cpu_s(seconds, None)
        stats = subprocess.Popen(self.argv("stats"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(3)  # it asks for all of them first, which is not what streaming costs
            busy = self.cpu_s(seconds, stats.pid)
        finally:
            stats.kill()
            stats.wait()
        return (busy - idle) * 100

    def cpu_s(self, seconds, also):
        """Cores that the engine, and a process besides, use over so many seconds."""
        pids = [self.daemon.pid, *self.children(self.daemon.pid), *([also] if also else [])]
        before, begin = sum(map(used_s, pids)), time.monotonic()
        time.sleep(seconds)
        return (sum(map(used_s, pids)) - before) / (time.monotonic() - begin)

    @staticmethod
    def children(pid):
        text = "".join(path.read_text() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for child in text.split()]

    def close(self):
        if self.daemon.poll() is None:
            if self.names:
                self.docker("rm", "--force", *self.names)
            self.daemon.terminate()
            self.daemon.wait()
        # dockerd leaves the mount of its own network namespace behind, which the directory could not be removed with.
        subprocess.run(["umount", "-q", self.netns], check=False, stderr=subprocess.DEVNULL)
        self.log.close()


def used_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
