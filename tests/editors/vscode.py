"""VS Code in a headless browser, with the extension of docs/editors.md. Keys go in by the browser; what comes
of them is on its page, in the wire's record and in the files."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright

from tests.editors.house import ROOT, Home, program
from tests.editors.page import snippet
from tests.editors.terminal import SECONDS, wait_until

PLACE = ROOT / ".make" / "vscode"
FLAGS = (
    "--auth=none",
    "--bind-addr=127.0.0.1:0",
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-workspace-trust",
)
LISTENS = re.compile(r"HTTP server listening on http://(127\.0\.0\.1:\d+)/")
"""What it writes as soon as it does."""
TRIES, TRY_SECONDS = 12, 10.0
SETTINGS = {
    "chat.disableAIFeatures": True,
    "extensions.autoCheckUpdates": False,
    "files.autoSave": "off",  # as on a desktop; in a browser it is on unless one says so
    "workbench.startupEditor": "none",
}


@dataclass(frozen=True)
class VSCode:
    """One that runs."""

    home: Home
    page: Page
    program: str

    def keys(self, *keys: str) -> None:
        """Press keys, by the browser's names: `Control+Alt+p`, `F12`."""
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.insert_text(text)

    def press(self, key: str, holds: Callable[[], object]) -> None:
        """Press a key for code actions until something holds: VS Code drops what is asked for while it looks
        for some itself, as it does after each change."""
        for _ in range(TRIES):
            self.page.keyboard.press(key)
            with suppress(AssertionError):
                wait_until(holds, self.shown, TRY_SECONDS)
                return
        raise AssertionError(f"{key} did nothing:\n{self.shown()}")

    def command(self, name: str) -> None:
        """Run a command of the palette, as soon as the palette offers it."""
        self.page.keyboard.press("F1")
        self.page.locator(".quick-input-widget input").first.wait_for()
        self.page.keyboard.insert_text(name)
        self.page.locator(".quick-input-list .monaco-list-row.focused", has_text=name).wait_for()
        self.page.keyboard.press("Enter")

    def shown(self) -> str:
        """The lines that the editor shows, and all else there is on the page."""
        return self.page.locator("body").inner_text().replace("\xa0", " ")

    def until(self, text: str) -> str:
        """The page as soon as it shows `text`."""
        wait_until(lambda: text in self.shown(), lambda: f"no {text!r} on the page:\n{self.shown()}")
        return self.shown()


@contextmanager
def vscode(home: Home, path: Path) -> Iterator[VSCode]:
    """VS Code with `path` open, and Petra attached to it."""
    command, data = program("code-server", PLACE / "bin"), home.folder / "data"
    extension = home.folder / "extensions" / "petra.petra-0.0.1"
    write_extension(extension)
    (data / "User").mkdir(parents=True)
    (data / "User" / "settings.json").write_text(json.dumps(SETTINGS))
    # It takes the environment of a login shell.
    (home.folder / ".profile").write_text(f'PATH="{home.folder / "bin"}:$PATH"\n')
    arguments = [*FLAGS, f"--extensions-dir={extension.parent}", f"--user-data-dir={data}"]
    log = home.folder / "code-server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, *arguments], env=home.environment(), stdout=output, stderr=output
        )
    try:
        wait_until(lambda: LISTENS.search(log.read_text()), log.read_text)
        (address,) = LISTENS.findall(log.read_text())
        with browser() as page:
            opened = json.dumps([["openFile", f"vscode-remote://{address}{path}"]])
            page.goto(f"http://{address}/?{urlencode({'folder': path.parent, 'payload': opened})}")
            wait_until(lambda: home.wire.editor("textDocument/didOpen"), log.read_text)
            yield VSCode(home, page, command)
    finally:
        process.terminate()
        process.wait(20)


def write_extension(folder: Path) -> None:
    """The two files of the page, and the library that they name."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest, library = snippet("VS Code", "json"), PLACE / "extension" / "node_modules"
    (folder / "package.json").write_text(manifest)
    (folder / "extension.js").write_text(snippet("VS Code", "js"))
    for name, version in json.loads(manifest)["dependencies"].items():
        installed = json.loads((library / name / "package.json").read_text())["version"]
        assert installed == version, f"deploy/setup/vscode.sh installs {name} {installed}"
    (folder / "node_modules").symlink_to(library)


@contextmanager
def browser() -> Iterator[Page]:
    """A page of a Chromium of its own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = started.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(SECONDS * 1000)
        yield page
        started.close()
