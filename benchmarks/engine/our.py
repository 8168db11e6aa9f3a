"""Our side: the worker process exactly as the server starts it, but on a loopback port like its peer."""

from __future__ import annotations

import functools
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engine.servers import Server, free_port, process
from petra.inference.child import environment

WORKER = [sys.executable, "-P", "-m", "petra.inference.worker"]


@contextmanager
def serve(
    model: Path, *, parallel: int, context: int, threads: int, extra: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A chat worker until the block ends. `extra` are further arguments."""
    port, token = free_port(), secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        token_file = Path(folder) / "token"
        token_file.write_text(token, encoding="utf-8")
        command = [*WORKER, "chat", "--listen", f"127.0.0.1:{port}", "--token-file", str(token_file)]
        command += ["--model", str(model), "--threads", str(threads), "--supervised"]
        command += ["--context", str(max(context, 4096))]
        wanted = {"--parallel": str(parallel), "--queue": "256", **(extra or {})}
        for name, value in wanted.items():
            if name in options():
                command += [name, value]
        with process(command, environment(os.environ)) as pid:
            yield Server("petra", port, pid, {"Authorization": f"Bearer {token}"})


@functools.cache
def options() -> str:
    """What the worker says it takes."""
    said = subprocess.run([*WORKER, "--help"], capture_output=True, text=True, check=True)
    return said.stdout
