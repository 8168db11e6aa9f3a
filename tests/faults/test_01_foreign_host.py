"""Row 1: foreign Host → 403. A name of a stranger can be made to resolve to this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.rig import Rig, rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def petra() -> AsyncIterator[Rig]:
    async with rig(public_url="https://petra.example.edu") as open_rig:
        yield open_rig


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "localhost.:{port}",
        "localhost",
        "0.0.0.0:{port}",
        "petra.example.edu.evil.example",
        "",
    ],
)
async def test_foreign_host(petra: Rig, host: str) -> None:
    headers = petra.bearer | {"Host": host.format(port=petra.server.port)}
    for path in ("/health", "/", "/api/v1/documents", "/ws"):
        async with petra.stranger.get(path, headers=headers) as response:
            assert response.status == 403
            error = (await response.json())["error"]
            assert error["code"] == "not_allowed" and "petra open" in error["remedy"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "LOCALHOST:{port}", "[::1]:{port}", "petra.example.edu"]
)
async def test_own_names(petra: Rig, host: str) -> None:
    headers = petra.bearer | {"Host": host.format(port=petra.server.port)}
    async with petra.stranger.get("/api/v1/documents", headers=headers) as response:
        assert response.status == 200


@pytest.mark.asyncio(loop_scope="module")
async def test_two_hosts_or_none(petra: Rig) -> None:
    import asyncio

    for hosts in ("", f"Host: 127.0.0.1:{petra.server.port}\r\nHost: evil.example\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", petra.server.port)
        writer.write(f"GET /health HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        reply = await reader.read()
        assert reply.split()[1] in (b"400", b"403"), reply
        writer.close()
        await writer.wait_closed()
