"""A real browser on a real server. The model is the stub, but for the one test that asks the real one."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.serving import Served, served
from tests.web.visit import Visit

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WORKER = (sys.executable, "-m", "petra.inference.worker")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=15_000)


# Of the package, not the session: its event loop would be in the way of the asyncio tests elsewhere.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or else Playwright's own. `make test` sees to it that there is one."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("there is no Chromium: apt-get install chromium, or playwright install chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def built_page() -> None:
    """The page as it would be shipped."""
    built = ROOT / "web" / "dist" / "index.html"
    if not built.is_file():
        pytest.fail("web/dist is missing: run `make setup`, or `npm ci && npm run build` in web/")


@pytest.fixture(scope="package")
def stub_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a model that answers with the first sentence of the best passage, slowly enough
    to be stopped."""
    socket = tmp_path_factory.mktemp("stub") / "s"
    process = subprocess.Popen(
        [*WORKER, "stub", "--token-delay", "0.03", "--listen", f"unix:{socket}"],
        stderr=subprocess.DEVNULL,
    )
    while not socket.exists():
        assert process.poll() is None, "the stub worker ended"
        time.sleep(0.05)
    yield f"unix:{socket}"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="package")
def stub_server(tmp_path_factory: pytest.TempPathFactory, stub_model: str) -> Iterator[Served]:
    """A server whose models are the stub. It does not follow folders: what the page says of a file that has
    changed since it was indexed can then be seen."""
    settings = {
        "MODEL_PATH": stub_model,
        "EMBEDDING_MODEL": stub_model,
        "RERANK_THRESHOLD": "-1",
        "WATCH": "false",
    }
    with served(tmp_path_factory.mktemp("web"), **settings) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def visit(chromium: Browser, built_page: None) -> Iterator[Callable[..., Visit]]:
    """Open a server's page as its owner: `visit(server, viewport=…, color_scheme=…)`.

    At the end no request may have left the server, nothing may have run that was not the page's own,
    and the console must be free of errors.
    """
    visits: list[Visit] = []

    def open_page(server: Served, *, path: str = "", **options: object) -> Visit:
        one = Visit.begin(chromium, server, **options)
        visits.append(one)
        one.page.goto(server.running.url)
        if path:
            one.page.goto(server.origin + "/" + path)
        return one

    yield open_page
    for one in visits:
        one.end()


@pytest.fixture
def empty_server(stub_server: Served) -> Served:
    """The stub server without the documents of earlier tests."""
    gone = [f"documents/{item['id']}" for item in stub_server.request("GET", "/api/v1/documents")]
    folders = [item for item in stub_server.request("GET", "/api/v1/collections") if item["folder"]]
    for what in [f"collections/{item['id']}" for item in folders] + gone:
        remove = urllib.request.Request(
            f"{stub_server.origin}/api/v1/{what}",
            method="DELETE",
            headers={"Authorization": f"Bearer {stub_server.running.token}"},
        )
        with contextlib.suppress(urllib.error.HTTPError):  # a folder's file is gone with its folder
            urllib.request.urlopen(remove, timeout=30).close()
    return stub_server
