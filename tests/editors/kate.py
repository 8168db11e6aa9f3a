"""Kate on a display of its own, with the configuration of docs/editors.md. Keys go in by the display; what
comes of them is in the wire's record and in the answer files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.editors.house import Home, program
from tests.editors.page import snippet


@dataclass(frozen=True)
class Kate:
    """One that runs."""

    home: Home
    program: str
    environment: dict[str, str]

    def keys(self, *keys: str) -> None:
        """Press keys, by X's names: `Down`, `alt+Return`."""
        pressed = ["xdotool", "key", "--clearmodifiers", "--delay", "40", *keys]
        subprocess.run(pressed, check=True, env=self.environment)

    def open(self, path: Path) -> None:
        """Open a file in it, as a person does from a file manager."""
        subprocess.run([self.program, str(path)], check=True, env=self.environment, capture_output=True)

    def type(self, text: str) -> None:
        typed = ["xdotool", "type", "--clearmodifiers", "--delay", "20", text]
        subprocess.run(typed, check=True, env=self.environment)


@contextmanager
def kate(home: Home, path: Path) -> Iterator[Kate]:
    """Kate with `path` open, and Petra attached to it."""
    place = home.config / "kate" / "lspclient"
    place.mkdir(parents=True)
    (place / "settings.json").write_text(snippet("Kate", "json"))
    # What Kate remembers of a person who has said once that it may start this.
    allowed = f"AllowedServerCommandLines={home.folder / 'bin' / 'petra'} lsp"
    (home.config / "katerc").write_text(f"[lspclient]\n{allowed}\n")
    command, bus = program("kate"), home.folder / "bus"
    start = f'echo "$DBUS_SESSION_BUS_ADDRESS" >"{bus}"; exec "$@"'
    session = [
        "dbus-run-session",
        "--",
        "sh",
        "-c",
        start,
        "sh",
        command,
        "--startanon",
        "--block",
        str(path),
    ]
    with display() as shown, (home.folder / "kate.log").open("wb") as log:
        environment = home.environment() | {"DISPLAY": shown, "XDG_RUNTIME_DIR": str(home.folder)}
        process = subprocess.Popen(session, env=environment, stdout=log, stderr=log)
        try:
            home.wire.until("editor", "textDocument/didOpen")
            yield Kate(home, command, environment | {"DBUS_SESSION_BUS_ADDRESS": bus.read_text().strip()})
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def display() -> Iterator[str]:
    """A display that nobody sees."""
    reader, writer = os.pipe()
    command = [program("Xvfb"), "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, pass_fds=[writer], stdout=quiet, stderr=quiet)
    os.close(writer)
    try:
        with os.fdopen(reader) as said:
            yield f":{said.readline().strip()}"
    finally:
        process.terminate()
        process.wait(20)
