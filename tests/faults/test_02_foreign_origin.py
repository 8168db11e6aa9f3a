"""Row 2: foreign or `null` Origin → 403. A stranger's page can make a browser send anything here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.api.rig import Rig, rig

FOREIGN = [
    "null",
    "http://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:{port}.evil.example",
    "http://localhost:{port}/",
    "",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def petra() -> AsyncIterator[Rig]:
    async with rig() as open_rig:
        yield open_rig


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("origin", FOREIGN)
async def test_foreign_origin(petra: Rig, origin: str) -> None:
    headers = {"Origin": origin.format(port=petra.server.port)}
    cookie = {"petra": petra.petra.tokens.session()}
    for method, path in (("POST", "/api/v1/ask"), ("POST", "/upload"), ("GET", "/api/v1/documents")):
        for credentials in ({"headers": headers, "cookies": cookie}, {"headers": headers | petra.bearer}):
            async with petra.stranger.request(method, path, **credentials) as response:
                assert response.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await petra.http.ws_connect("/ws", headers=headers)
    assert refused.value.status == 403


@pytest.mark.asyncio(loop_scope="module")
async def test_without_an_origin_only_programs_change_anything(petra: Rig) -> None:
    cookie = {"petra": petra.petra.tokens.session()}
    async with petra.stranger.post("/api/v1/ask", json={"question": "?"}, cookies=cookie) as response:
        assert response.status == 403
    async with petra.stranger.get("/ws", cookies=cookie, headers={"Upgrade": "websocket"}) as response:
        assert response.status == 403
    async with petra.stranger.get("/api/v1/documents", cookies=cookie) as response:
        assert response.status == 200
    await petra.post("/api/v1/ask", {"question": "anything?"})


@pytest.mark.asyncio(loop_scope="module")
async def test_own_page(petra: Rig) -> None:
    for origin in (petra.origin, petra.origin.replace("127.0.0.1", "localhost")):
        headers = {"Origin": origin, "Cookie": f"petra={petra.petra.tokens.session()}"}
        async with petra.stranger.post("/api/v1/ask", json={"question": "a?"}, headers=headers) as response:
            assert response.status == 200
        async with petra.stranger.ws_connect("/ws", headers=headers) as socket:
            await socket.send_str("{}")
            assert (await socket.receive_json(timeout=5))["type"] == "error"
