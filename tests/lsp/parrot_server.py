"""A server process with only the LSP door, for tests of the forwarder: `parrot_server DATA_DIR [VERSION]`.

It logs like the real one, everything, to stderr.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from petra import __version__, platform, rendezvous, telemetry
from petra.access import Presence
from petra.lsp.listener import serve
from petra.lsp.session import Session
from tests.lsp.door import OWNER, TOKEN, parts


async def main(data_dir: Path, version: str) -> None:
    telemetry.configure(level="debug")
    with rendezvous.Lock(data_dir):
        listener = await serve(
            str(platform.runtime_dir(data_dir) / "lsp.sock"),
            token=TOKEN,
            version=version,
            new_session=lambda: Session(parts(), OWNER, version),
            presence=Presence(),
        )
        running = rendezvous.Running(os.getpid(), "", listener.address, 1, TOKEN, version, time.time())
        rendezvous.write_run_file(data_dir, running)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        await listener.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else __version__))
