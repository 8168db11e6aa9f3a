"""`tee.py LOG COMMAND…`: run a language server and write down what the editor and it say to each other.

Standard library only, and nothing of what passes is changed or held back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path


def copy(source: int, target: int, log: Path) -> None:
    with log.open("ab", buffering=0) as record:
        while data := os.read(source, 65536):
            record.write(data)
            while data:
                data = data[os.write(target, data) :]
    os.close(target)


def main(log: str, *command: str) -> int:
    stem = Path(log) / str(os.getpid())
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin and server.stdout
    said = (sys.stdin.fileno(), server.stdin.fileno(), stem.with_suffix(".editor"))
    threading.Thread(target=copy, args=said, daemon=True).start()
    copy(server.stdout.fileno(), sys.stdout.fileno(), stem.with_suffix(".petra"))
    return server.wait()


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
