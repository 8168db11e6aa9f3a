"""One worker process: started with a clean environment, its output taken to the log, ended for certain."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from petra import platform
from petra.inference import reports

# All that a worker gets to see of the server's environment: no secret, no proxy, no setting.
PASSED = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH"}
    | {"DYLD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "CUDA_VISIBLE_DEVICES"}
)
LINE = 500
STOP_SECONDS = 3.0


def environment(outer: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment."""
    return {name: value for name, value in outer.items() if name.upper() in PASSED} | {
        "GGML_NO_BACKTRACE": "1",
        # Each step reads all the weights and all that was said. In pages of 2 MiB, for which glibc then asks
        # the kernel, that took up to 15 % less time (docs/performance.md). Other C libraries ignore this.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TQDM_DISABLE": "1",
        "PYTHONUNBUFFERED": "1",
    }


class Child:
    """A running worker. `report` is what it said about why it cannot start."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, log: Any) -> None:
        self._process = process
        self._name = name
        self._log = log
        self.report: reports.Report | None = None
        self._pump = asyncio.create_task(self._read_output())

    @classmethod
    async def spawn(cls, arguments: Sequence[str], *, folder: Path, name: str, log: Any) -> Child:
        """Start `python -m petra.inference.worker` with `arguments`, in `folder`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working folder is no place to import from
            "-m",
            "petra.inference.worker",
            *arguments,
            "--supervised",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment(platform.whole_environment()),
            cwd=folder,
            # Ctrl-C in a terminal is for the server, which then ends its workers in order. No session of its
            # own: where Linux shares the CPU among sessions, the idle class counts only within one.
            process_group=0,
        )
        return cls(process, name, log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    @property
    def died_natively(self) -> bool:
        """Whether it was ended by a fault in native code (a signal, on Windows an exception code)."""
        code = self._process.returncode or 0
        return -code in (signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, _sigbus()) or code >= 0xC0000000

    async def wait(self) -> str:
        """Wait for its end. Returns it in words."""
        code = await self._process.wait()
        with suppress(TimeoutError):
            # A grandchild may hold the pipe open; its output is not worth waiting for.
            await asyncio.wait_for(asyncio.shield(self._pump), 1)
        if code < 0:
            return f"ended by {_signal_name(-code)}"
        return f"ended with status {code}"

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process.returncode is None:
            platform.kill(self._process.pid)

    async def stop(self) -> None:
        """Ask it to end, then make it."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.kill()
        await self._process.wait()
        await asyncio.wait({self._pump}, timeout=0.2)
        self._pump.cancel()
        if self._process.stdin:
            self._process.stdin.close()

    async def _read_output(self) -> None:
        stream = self._process.stdout
        rest = b""
        while stream and (chunk := await stream.read(65536)):
            *lines, rest = (rest + chunk).split(b"\n")
            for raw in lines:
                self._line(raw)
            rest = rest[-4096:]
        self._line(rest)

    def _line(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace").strip()
        if found := reports.parse(text):
            self.report = found
        elif text:
            self._log.info("worker_output", worker=self._name, line=text[:LINE])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _sigbus() -> int:
    return int(getattr(signal, "SIGBUS", signal.SIGSEGV))
