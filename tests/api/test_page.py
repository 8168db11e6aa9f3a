"""The page's files, and what every response says to a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.rig import Rig, rig


@pytest.fixture
def built(tmp_path: Path) -> Path:
    page = tmp_path / "dist"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>Petra</title>")
    (page / "assets" / "app-1a2b.js").write_text("go()")
    (tmp_path / "secret.txt").write_text("not for you")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    return page


async def test_it_needs_no_token_and_leads_nowhere_else(built: Path) -> None:
    async with rig(page=built) as petra:
        async with petra.stranger.get("/") as response:
            assert "<title>Petra" in await response.text()
        async with petra.stranger.get("/assets/app-1a2b.js") as response:
            assert await response.text() == "go()"
            assert "immutable" in response.headers["Cache-Control"]
        for path in (
            "/assets/nothing.js",
            "/assets/..%2f..%2fsecret.txt",
            "/..%2fsecret.txt",
            "/link.txt",
            "/%00",
            "/%ED%A0%80",
            "/" + "a" * 300,
        ):
            async with petra.stranger.get(path) as response:
                assert response.status == 404, path


async def test_every_response_forbids_what_the_page_does_not_need(petra: Rig) -> None:
    for path in ("/", "/health", "/api/v1/documents", "/nothing"):
        async with petra.stranger.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
            assert "http:" not in policy and "https:" not in policy and "*" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["X-Request-Id"]
            assert "aiohttp" not in response.headers["Server"]


async def test_an_unexpected_error_is_told_without_its_details(
    petra: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("private detail")

    monkeypatch.setattr("petra.storage.conversations.list_for", fail)
    async with petra.http.get("/api/v1/conversations") as response:
        assert response.status == 500
        error = (await response.json())["error"]
        assert "private detail" not in await response.text()
        assert response.headers["X-Request-Id"] in error["cause"]
    await petra.get("/api/v1/documents")
