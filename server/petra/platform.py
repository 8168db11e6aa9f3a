"""All that differs between systems: where data lives, sockets, priorities, ending processes.

Standard library only, and what takes long to import only where it is used: `petra lsp` imports this on
the way to its first reply.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

WINDOWS = sys.platform == "win32"
TIME_SIGNALS = frozenset() if WINDOWS else frozenset({signal.SIGXCPU, signal.SIGALRM})
"""Ends of a process that `limit_time` stopped."""

_NETWORK = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "fuse.sshfs",
        "fuse.rclone",
        "vboxsf",
        "prl_fs",
        "ceph",
        "afs",
    )
)


def checkout_root() -> Path | None:
    """The folder of the source checkout this package runs from, or None when it is installed."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() and (root / "web").is_dir() else None


def default_data_dir(environ: dict[str, str] | None = None) -> Path:
    """Where one person's Petra keeps everything.

    `DATA_DIR` if it is set; `data/` of the checkout when run from one, so that removing the clone
    removes all of it; otherwise the system's folder for a user's application data.
    """
    env = dict(os.environ) if environ is None else environ
    if given := given_data_dir(env):
        return given
    if root := checkout_root():
        return root / "data"
    home = Path.home()
    if WINDOWS:
        return Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local") / "petra"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "petra"
    return Path(env.get("XDG_DATA_HOME") or home / ".local" / "share") / "petra"


def given_data_dir(environ: dict[str, str] | None = None) -> Path | None:
    """`DATA_DIR` of the environment, when it is set."""
    value = (os.environ if environ is None else environ).get("DATA_DIR")
    return Path(value).expanduser().absolute() if value else None


def runtime_dir(data_dir: Path) -> Path:
    """A private folder for this data directory's unix sockets, short enough for their 108 bytes.

    Below the data directory where that fits, otherwise in the temporary folder under a name derived
    from it. Created with mode 0700. Raises PermissionError when somebody else owns it.
    """
    folder = data_dir / "run"
    if len(os.fsencode(folder)) > 80:
        import hashlib
        import tempfile

        name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        uid = os.getuid() if hasattr(os, "getuid") else "user"
        folder = Path(tempfile.gettempdir()) / f"petra-{uid}-{name}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not WINDOWS:
        # A link that another user left in the temporary folder could lead to a folder of ours today and
        # to theirs tomorrow, with the token of every client.
        about = folder.lstat()
        if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
            raise PermissionError(f"{folder} belongs to another user or is no folder")
        folder.chmod(0o700)
    return folder


def private_write(path: Path, content: str) -> None:
    """Write a file that only its owner can read, all of it or nothing, durable when it returns."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut. Windows has no such call and needs none."""
    if WINDOWS:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def network_file_system(path: Path) -> str:
    """The kind of network or shared file system that `path` is on, where that is known; otherwise empty.
    Nobody is told when somebody else changes a file there. Blocking."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    kind = file_system(path, mounts)
    return kind if kind in _NETWORK else ""


def file_system(path: Path, mounts: str) -> str:
    """The kind of file system that `path` is on, by Linux's table of mounts (`/proc/self/mountinfo`)."""
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        place = before.split(" ")[4].replace("\\040", " ")
        if len(place) >= len(best) and (path == Path(place) or path.is_relative_to(place)):
            best, kind = place, after.split(" ")[0]
    return kind


def enter_idle_class() -> None:
    """Let this process run only when nobody else wants the CPU (measured: 118 tokens/s of a chat
    beside such a process against 30 beside a normal one)."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    elif hasattr(os, "nice"):
        os.nice(19)


_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}
"""Number of `sched_setattr` by machine: neither Python nor the C library of Debian 12 knows it."""


def take_short_turns() -> None:
    """Let the threads of this process run at once when they wake, and not only when a computing thread has
    had its turn (1.4 to 4 ms). They get no more of the CPU by that. Call it before there are threads: they
    and child processes take over what the process has. Linux from 6.12 on, elsewhere nothing."""
    _set_turns(100_000)


def take_usual_turns() -> None:
    """Undo `take_short_turns` in a child process that computes."""
    _set_turns(0)


def _set_turns(nanoseconds: int) -> None:
    number = _SET_ATTRIBUTES.get(os.uname().machine) if sys.platform == "linux" else None
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    import ctypes
    import struct

    # Size, policy, flags, niceness, priority, runtime, deadline and period; refused, nothing is changed.
    wanted = struct.pack("=IIQiIQQQ", 48, os.SCHED_OTHER, 0, os.nice(0), 0, nanoseconds, 0, 0)
    ctypes.CDLL(None).syscall(number, 0, ctypes.create_string_buffer(wanted, len(wanted)), 0)


def die_first() -> None:
    """When memory runs out, the kernel should end this process before any other (Linux only)."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


def cpu_name() -> str:
    """What the maker calls this machine's CPU; what was measured on it holds on others of that name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name")]
    if names:
        return names[0]
    if sys.platform == "darwin":
        import subprocess

        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return found.stdout.strip()
    import platform

    return platform.processor() or platform.machine()


def whole_environment() -> dict[str, str]:
    """The person's own environment, to hand on to a child: all of it or, filtered by name, part of it."""
    return dict(os.environ)


def minimal_environment() -> dict[str, str]:
    """What a child needs of the environment so that it can start at all: nothing, but for Windows."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if WINDOWS and name in os.environ}


def limit_process(*, memory: int, open_files: int) -> None:
    """Bound what this process can take: `memory` in bytes of address space, `open_files`; it can write
    no file and leave no core. What a system does not know (macOS: address space; Windows: all) is left
    to the deadline of its parent."""
    if sys.platform == "win32":
        return
    import resource

    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):
            continue


def limit_time(seconds: float) -> None:
    """Let this process live for so many more seconds, of the clock and of the CPU; 0 lifts the limit.
    It ends without a word, so it also ends when its parent did and nobody else watches it."""
    if sys.platform == "win32":
        return
    import resource

    signal.setitimer(signal.ITIMER_REAL, seconds)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    spent = usage.ru_utime + usage.ru_stime
    soft = int(spent + seconds) + 1 if seconds else hard
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def kill(pid: int) -> None:
    """End a process that does not answer; one that is already gone is fine."""
    try:
        os.kill(pid, signal.SIGTERM if WINDOWS else signal.SIGKILL)
    except ProcessLookupError:
        return


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists (it may be another user's)."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
