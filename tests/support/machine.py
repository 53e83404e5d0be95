"""A Debian machine of a test's own: systemd, booted over this machine's files, of which it changes none.

It has namespaces for everything (processes, files, network, names, cgroups) and lives in a tmpfs over /, so that
commands written for a server can be run as they stand. Needs root.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from tools.processes import until

# $1: a folder, $2: a name for its cgroup
BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$1"
mkdir "$1/cgroup" "$1/upper" "$1/work" "$1/root"
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2"
echo $$ > "$1/cgroup/$2/cgroup.procs"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
exec unshare --cgroup bash -c '
set -e
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs shm dev/shm
mount -t tmpfs -o mode=755 run run
chmod 1777 dev/shm
rm -f etc/machine-id
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
rm -rf etc/systemd/system
ln -sf /dev/null etc/tmpfiles.d/tmp.conf
mkdir -p etc/systemd/system
ip link set lo up
mkdir old
pivot_root . old
umount --lazy old
exec chroot . env -i container=other LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=no
' boot "$1"
"""
# Not on every machine, and of no use to root but for another user.
SUDO = r"""
sudo() { if [ "$1" = -u ]; then local user=$2; shift 2; runuser -u "$user" -- "$@"; else "$@"; fi; }
"""
# The same. Its processes need a moment to end.
BURY = """
mount -t cgroup2 cgroup2 "$1"
cd "$1"
for attempt in {1..100}; do find "$2" -depth -type d -exec rmdir {} + 2> /dev/null && exit; sleep 0.1; done
exit 1
"""


def refused() -> str:
    """Why none can be started here; empty when one can."""
    spaces = ["--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
    tried = subprocess.run(
        ["unshare", *spaces, "mount", "-t", "tmpfs", "machine", "/mnt"], capture_output=True, text=True, check=False
    )
    return tried.stderr.strip()


class Machine:
    """Booted in `with`, and gone with all its processes after it.

    folder: an empty one for its mount point.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cgroup = f"pressroom-{os.getpid()}-{id(self)}"
        self.said = self.again = ""
        # Of every command.
        self.variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        self.screen = folder.with_name(f"{folder.name}.screen")

    def __enter__(self) -> Machine:
        spaces = ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net"]
        command = ["unshare", *spaces, "bash", "-c", BOOT, "boot", str(self.folder), self.cgroup]
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen)
        try:
            until(self._has_booted, "the machine had booted")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error:
            journal = self.tried("journalctl --no-pager --lines 40 --output cat").stdout
            error.add_note(f"The machine said:\n{journal}{self.screen.read_text(errors='replace')}")
        self.process.kill()
        self.process.wait()
        bury = ["unshare", "--mount", "bash", "-c", BURY, "bury", str(self.folder), self.cgroup]
        subprocess.run(bury, check=error is None)

    def run(self, script: str) -> str:
        """What bash says there, as root; fails when it fails. `sudo` is at hand."""
        done = self.tried(script)
        assert done.returncode == 0, f"{script}\nexit status {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def tried(self, script: str) -> subprocess.CompletedProcess[str]:
        init = int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text())
        inside = ["nsenter", "--target", str(init), "--all", "--root", "--wd"]
        return subprocess.run(
            [*inside, "bash", "-euc", f"{SUDO}{script}"],
            env=self.variables,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def _has_booted(self) -> bool:
        assert self.process.poll() is None, self.screen.read_text(errors="replace")
        try:
            return self.tried("systemctl is-active basic.target").returncode == 0
        except ValueError:  # there is no child yet
            return False
