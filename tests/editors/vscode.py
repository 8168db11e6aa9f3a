"""VS Code in a headless browser, with the extension of docs/editors.md. Only record.py has one."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

from tests.editors.house import ROOT, Home, program
from tests.editors.page import snippet
from tests.editors.terminal import wait_until

PLACE = ROOT / ".make" / "vscode"
FLAGS = ("--auth=none", "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust")


@dataclass(frozen=True)
class VSCode:
    """One that runs."""

    home: Home
    page: Page
    program: str

    def command(self, name: str) -> None:
        """Run a command of the palette."""
        self.page.keyboard.press("F1")
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")


@contextmanager
def vscode(home: Home, path: Path) -> Iterator[VSCode]:
    """VS Code with `path` open, and Petra attached to it."""
    extension = home.folder / "extensions" / "petra.petra-0.0.1"
    write_extension(extension)
    (extension / "node_modules").symlink_to(PLACE / "extension" / "node_modules")
    # It takes the environment of a login shell.
    (home.folder / ".profile").write_text(f'PATH="{home.folder / "bin"}:$PATH"\n')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = program("code-server", PLACE / "node_modules" / ".bin")
    arguments = [*FLAGS, f"--bind-addr={address}"]
    arguments += [f"--extensions-dir={extension.parent}", f"--user-data-dir={home.folder / 'data'}"]
    log = home.folder / "code-server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, *arguments], env=home.environment(), stdout=output, stderr=output
        )
    try:
        wait_until(lambda: answers(f"http://{address}/healthz"), log.read_text)
        with browser() as page:
            opened = json.dumps([["openFile", f"vscode-remote://{address}{path}"]])
            page.goto(f"http://{address}/?{urlencode({'folder': path.parent, 'payload': opened})}")
            home.wire.until("editor", "textDocument/didOpen")
            yield VSCode(home, page, command)
    finally:
        process.terminate()
        process.wait(20)


def write_extension(folder: Path) -> None:
    """The two files of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(snippet("VS Code", "json"))
    (folder / "extension.js").write_text(snippet("VS Code", "js"))


@contextmanager
def browser() -> Iterator[Page]:
    """A page of a Chromium of its own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield started.new_page()
        started.close()


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except (URLError, OSError):
        return False
