"""How a client finds the one server of a data directory, and starts it when there is none.

`server.lock` is held for as long as the server lives and says nothing else; `run.json` says where it
listens. Only a held lock makes `run.json` true: a process id is used again, a lock is not. Standard
library only: `petra lsp` imports it on the way to its first reply.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO

from petra import __version__, platform
from petra.errors import AlreadyRunning, PetraError, StorageError, VersionMismatch

RUN_FILE = "run.json"
LOCK_FILE = "server.lock"
LOG_FILE = "server.log"
LOG_LIMIT = 4 * 1024 * 1024
STARTS = 2
"""How often a client starts a server before it gives up."""


@dataclass(frozen=True)
class Running:
    """Where a server listens. `socket` and `lsp` are paths of unix sockets (HTTP; framed LSP), on
    Windows `127.0.0.1:port`; `host` and `port` are those of the page."""

    pid: int
    socket: str
    lsp: str
    port: int
    token: str
    version: str
    started_at: float
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """The page, with the token that lets a browser in."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?token={self.token}"


class NotStarted(PetraError):
    """A server was started for this client and did not come up."""

    code = "not_started"
    status = 503


def token(data_dir: Path) -> str:
    """This install's token, made at the first call and kept, so that a restart logs nobody out. Raises
    StorageError."""
    path = data_dir / "token"
    try:
        kept = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        kept = ""
    if len(kept) < 32:
        kept = secrets.token_urlsafe(32)
        with writable(data_dir):
            platform.private_write(path, kept)
    return kept


def write_run_file(data_dir: Path, running: Running) -> None:
    """Tell clients where the server listens. Call it while holding the lock. Raises StorageError."""
    with writable(data_dir):
        platform.private_write(data_dir / RUN_FILE, json.dumps(asdict(running)))


def remove_run_file(data_dir: Path) -> None:
    """Take back what `write_run_file` said."""
    (data_dir / RUN_FILE).unlink(missing_ok=True)


def read(data_dir: Path) -> Running | None:
    """The running server, or None: no file, a damaged one, or one whose server is gone."""
    try:
        data = json.loads((data_dir / RUN_FILE).read_text(encoding="utf-8"))
        # A newer server may say more than this client knows; it is told apart by its version.
        running = Running(**{field.name: data[field.name] for field in fields(Running)})
        alive = _is_whole(running) and platform.is_alive(running.pid)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return running if alive and is_locked(data_dir) else None


def _is_whole(running: Running) -> bool:
    """Whether every field is what it should be; what hands were at may hold anything."""
    texts = (running.socket, running.lsp, running.token, running.version, running.host)
    return (
        all(isinstance(text, str) and text.isprintable() for text in texts)
        and all(type(number) is int for number in (running.pid, running.port))
        and isinstance(running.started_at, int | float)
    )


def other_version(running: Running) -> VersionMismatch:
    """The error for a server that is not of this program's version."""
    return VersionMismatch(
        f"This is Petra {__version__}, but the server that is running is {running.version}",
        cause="Petra was updated while its server kept running",
        remedy="Run `petra stop`, then try again",
    )


class Lock:
    """The right to be the server of a data directory, for as long as this process lives."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Lock:
        """Take the lock. Raises AlreadyRunning, naming the process that has it, and StorageError."""
        with writable(self._data_dir):
            self._acquire()
        return self

    def _acquire(self) -> None:
        file = (self._data_dir / LOCK_FILE).open("a+b")
        # A client that is looking holds the lock for microseconds, so one refusal proves nothing.
        deadline = time.monotonic() + 0.5
        while not _take(file):
            if time.monotonic() > deadline:
                file.close()
                raise self._taken()
            time.sleep(0.02)
        self._file = file
        # What an earlier server left behind would lead clients astray until this one has written its own.
        remove_run_file(self._data_dir)
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back. The file stays: removing it would let two servers lock two files."""
        if self._file:
            self._file.close()
            self._file = None

    def _taken(self) -> AlreadyRunning:
        pid = holder(self._data_dir)
        return AlreadyRunning(
            "Petra is already running" + (f" (process {pid})" if pid else ""),
            cause=f"One server at a time uses {self._data_dir}",
            remedy="Use it (`petra open` tells its address), or end it first with `petra stop`",
        )


@contextmanager
def writable(data_dir: Path) -> Iterator[None]:
    """Make the data directory if need be, and do something in it. Raises StorageError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"Petra cannot write to its data directory {data_dir}",
            cause=error.strerror or str(error),
            remedy="Make room or give yourself the right to, or choose another with --data-dir or DATA_DIR",
        ) from error


def is_locked(data_dir: Path) -> bool:
    """Whether a server holds the lock of this data directory."""
    try:
        file = (data_dir / LOCK_FILE).open("r+b")
    except OSError:
        return False
    with file:
        return not _take(file, shared=True)


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes], *, shared: bool = False) -> bool:
        """Lock a byte far behind the content, which stays readable that way."""
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True

else:
    import fcntl

    def _take(file: IO[bytes], *, shared: bool = False) -> bool:
        """Lock `file` until it is closed, or say that somebody else has it."""
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def find_or_start(data_dir: Path, timeout: float = 60.0, argv: Sequence[str] = ()) -> Running:
    """The running server of `data_dir`; starts one with `petra serve … argv` when there is none.

    Waits up to `timeout` seconds for it to listen. Raises VersionMismatch, or NotStarted with the end
    of the server's log, or StorageError.
    """
    deadline = time.monotonic() + timeout
    process, starts = None, 0
    while time.monotonic() < deadline:
        if running := read(data_dir):
            if running.version != __version__:
                raise other_version(running)
            return running
        # While somebody has the lock, a server is on its way up (then wait for it, whoever started it)
        # or on its way out (then start one afterwards; ours may have been refused by it).
        if not is_locked(data_dir) and (process is None or process.poll() is not None):
            if starts == STARTS:
                break
            process, starts = _start(data_dir, argv), starts + 1
        time.sleep(0.02)
    if process is None and (pid := holder(data_dir)):
        raise NotStarted(
            f"The Petra server (process {pid}) does not say where it listens",
            cause=f"It has not written {data_dir / RUN_FILE}, or that was removed or damaged since",
            remedy="Run `petra stop`, then try again",
        )
    raise NotStarted(
        "The Petra server did not start",
        cause=_last_words(data_dir) or f"It was not listening after {timeout:.0f} seconds",
        remedy=f"See {data_dir / LOG_FILE}, or run `petra serve` to watch it start",
    )


def stop(data_dir: Path, timeout: float = 15.0) -> int | None:
    """Ask the running server to leave and wait until it has; the id it had, or None if there was none.

    Raises PetraError when it is still there after `timeout` seconds.
    """
    running = read(data_dir)
    pid = running.pid if running else holder(data_dir)
    if pid is None:
        return None
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while is_locked(data_dir):
        if time.monotonic() > deadline:
            raise PetraError(
                f"The server (process {pid}) has not stopped",
                cause=f"It was asked {timeout:.0f} seconds ago",
                remedy=f"End it with `kill -9 {pid}`; nothing that it acknowledged is lost",
            )
        time.sleep(0.05)
    return pid


def holder(data_dir: Path) -> int | None:
    """The process that holds the lock: that of a server, also of one whose run.json is not there (yet)."""
    try:
        pid = int((data_dir / LOCK_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if is_locked(data_dir) else None


def _start(data_dir: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """`petra serve`, in a session of its own so that closing the terminal or editor leaves it alone."""
    log = data_dir / LOG_FILE
    command = [sys.executable, "-m", "petra", "serve", "--started-by-client", "--data-dir", str(data_dir)]
    with writable(data_dir):
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    try:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and arguments)
            [*command, *argv],
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=not platform.WINDOWS,
            creationflags=flags,
        )
    finally:
        os.close(handle)
    # A forwarder lives for days: without somebody waiting, an ended server would stay as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def _last_words(data_dir: Path) -> str:
    """The last lines of the server's log."""
    try:
        lines = (data_dir / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return " ".join(line.strip() for line in lines[-3:])[-600:]
