"""A person's visit to the page: what they do, and a watch on what the browser does meanwhile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.serving import Served


@dataclass
class Visit:
    """One browser window and everything it asked for."""

    context: BrowserContext
    page: Page
    origin: str
    addresses: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of console messages that a test provokes."""

    @classmethod
    def begin(cls, browser: Browser, server: Served, **options: object) -> Visit:
        """A window of its own, watched from before the first request."""
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        page = context.new_page()
        visit = cls(context, page, server.origin)
        context.on("request", lambda request: visit.addresses.append(request.url))
        context.on("console", visit._heard)
        context.on("weberror", lambda error: visit.problems.append(f"uncaught: {error.error}"))
        context.on("dialog", lambda dialog: (visit.problems.append("a dialog"), dialog.dismiss()))
        page.on("websocket", lambda socket: visit.addresses.append(socket.url))
        return visit

    def end(self) -> None:
        """Close the window. Nothing has left the server, nothing failed, nothing foreign ran."""
        self.context.close()
        mine = (self.origin + "/", self.origin.replace("http", "ws", 1) + "/")
        foreign = [url for url in self.addresses if not url.startswith(mine)]
        assert not foreign, f"requests left the server: {foreign}"
        assert not self.problems, f"the browser complained: {self.problems}"

    def add(self, *files: Path) -> None:
        """Choose files in the system's dialog."""
        self.page.get_by_label("Files to add").first.set_input_files(list(files))

    def row(self, name: str) -> Locator:
        """A document's row in the list."""
        return self.page.locator(".document").filter(has_text=name)

    def add_and_wait(self, *files: Path, timeout: float = 30_000) -> None:
        """Add files and wait until they can be asked about."""
        self.add(*files)
        for file in files:
            expect(self.page.locator(".document.ready").filter(has_text=file.name)).to_be_visible(
                timeout=timeout
            )

    def ask(self, question: str) -> Locator:
        """Type a question and press Enter; its turn of the conversation."""
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        turn = self.page.locator(".turn").last
        expect(turn.locator("h2")).to_have_text(question)
        return turn

    def ask_and_wait(self, question: str, timeout: float = 30_000) -> Locator:
        """Ask, and wait until the answer is complete."""
        turn = self.ask(question)
        expect(turn.locator(".usage")).to_be_visible(timeout=timeout)
        return turn

    def source(self, turn: Locator, text: str | re.Pattern[str]) -> Locator:
        """The link of a source, wherever in the list it stands."""
        for closed in turn.locator("details:not([open]) > summary").all():
            closed.click()
        return turn.locator(".source a").filter(has_text=text).first

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if not any(text in message.text for text in self.expected):
            self.problems.append(f"{message.type}: {message.text}")


def write(folder: Path, name: str, lines: Sequence[str]) -> Path:
    """A text file of these lines."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
