"""Neovim in a terminal, with the configuration of docs/editors.md. Keys go in by the terminal; what is in its
buffers is asked by its own remote protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.editors.house import NEWER, Home, program
from tests.editors.page import snippet
from tests.editors.terminal import Terminal, terminal, wait_until

PLACES = {"0.11": Path(sys.executable).parent, "0.12": NEWER}
"""Where `make test-setup` puts which version. The later is the one in Debian's testing, or a newer one."""


ASKED_SECONDS = 5


@dataclass(frozen=True)
class Neovim:
    """One that runs."""

    home: Home
    terminal: Terminal
    program: str
    socket: Path

    def lua(self, expression: str) -> Any:
        """The value of an expression in Lua; None while Neovim waits for a key."""
        quoted = expression.replace("'", "''")
        call = [self.program, "--server", self.socket, "--remote-expr", f"json_encode(luaeval('{quoted}'))"]
        try:
            asked = subprocess.run(
                call, capture_output=True, text=True, env=self.home.environment(), timeout=ASKED_SECONDS
            )
        except subprocess.TimeoutExpired:
            return None
        return json.loads(asked.stdout or asked.stderr) if asked.returncode == 0 else None

    def command(self, line: str) -> None:
        """Type a command of the command line."""
        self.terminal.keys("Escape")
        self.terminal.type(f":{line}")
        self.terminal.keys("Enter")

    @property
    def file(self) -> str:
        """The name of the file that the cursor is in."""
        return str(self.lua("vim.api.nvim_buf_get_name(0)"))

    @property
    def text(self) -> str:
        """The whole of it, as it is in the buffer."""
        return "\n".join(self.lua("vim.api.nvim_buf_get_lines(0, 0, -1, false)") or [])

    def until(self, expression: str) -> None:
        """Wait until an expression in Lua is true."""
        wait_until(
            lambda: self.lua(expression) is True, lambda: f"not {expression}:\n{self.terminal.screen()}"
        )

    def until_text(self, part: str) -> str:
        wait_until(lambda: part in self.text, lambda: f"no {part!r} in:\n{self.text}")
        return self.text


@contextmanager
def neovim(version: str, home: Home, path: Path) -> Iterator[Neovim]:
    """Neovim with `path` open, and Petra attached to it."""
    place = home.config / "nvim"
    place.mkdir()
    (place / "init.lua").write_text(snippet("Neovim", "lua") + "vim.o.swapfile = false\n")
    command, socket = program("nvim", PLACES[version]), home.folder / "nvim.sock"
    with terminal(path.parent, home.environment(), command, "--listen", str(socket), str(path)) as opened:
        editor = Neovim(home, opened, command, socket)
        wait_until(socket.exists, opened.screen)
        editor.until("vim.lsp.get_clients({ bufnr = 0, name = 'petra' })[1].initialized == true")
        yield editor
