"""The peer: llama.cpp's own server, from the wheel `xllamacpp`, in a child process.

Run as a program it is that child: `python -m benchmarks.engine.peer MODEL PORT JSON`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.engine.servers import Server, free_port, process


@dataclass(frozen=True)
class Setting:
    """What of the peer's own choices changes its speed on a CPU."""

    flash_attention: bool
    unified: bool

    def __str__(self) -> str:
        return f"FA {'on' if self.flash_attention else 'off'}, {'unified' if self.unified else 'split'} KV"


SETTINGS = (Setting(False, False), Setting(True, False), Setting(False, True), Setting(True, True))


@contextmanager
def serve(model: Path, setting: Setting, *, parallel: int, context: int, threads: int) -> Iterator[Server]:
    """The peer with `parallel` slots of `context` tokens each until the block ends."""
    port = free_port()
    options = {"parallel": parallel, "context": context, "threads": threads, **asdict(setting)}
    command = [sys.executable, "-m", "benchmarks.engine.peer", str(model), str(port), json.dumps(options)]
    with process(command) as pid:
        yield Server(f"llama.cpp ({setting})", port, pid, cells=parallel * context)


def main() -> None:
    """The child."""
    import xllamacpp

    model, port, given = sys.argv[1:4]
    options = json.loads(given)
    flash = xllamacpp.llama_flash_attn_type
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.port = int(port)
    params.n_parallel = options["parallel"]
    params.n_ctx = options["parallel"] * options["context"]
    params.kv_unified = options["unified"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
    params.flash_attn_type = (
        flash.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if options["flash_attention"]
        else flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    # Its own guess of what fits would change the context, and a line for each request costs it time.
    params.fit_params = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    print(f"listens on {server.listening_address}", flush=True)
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
