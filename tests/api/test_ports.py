"""Why Petra cannot listen somewhere, in words that help."""

from __future__ import annotations

import asyncio
import errno
import socket
from pathlib import Path

import pytest
from aiohttp import web

from petra.api import Server
from petra.api.keys import LISTENING
from petra.api.listening import Listening
from petra.api.server import PortTaken


async def refusal(host: str, port: int, folder: Path, *, exact: bool = True) -> str:
    app = web.Application()
    app[LISTENING] = Listening()
    server = Server(app)
    try:
        with pytest.raises(PortTaken) as refused:
            await server.start(host=host, port=port, socket=folder / "s", exact=exact)
    finally:
        await server.close()
    return str(refused.value)


async def test_a_port_that_another_program_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"Port {port} is taken" in await refusal("127.0.0.1", port, tmp_path)


async def test_an_address_that_is_not_this_machines(tmp_path: Path) -> None:
    assert "Petra cannot listen on 192.0.2.1" in await refusal("192.0.2.1", 0, tmp_path)


@pytest.mark.parametrize(("exact", "said"), [(True, "may not listen on port 80"), (False, "from 80 to 99")])
async def test_a_port_that_the_system_keeps(
    exact: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_server", refused)
    assert said in await refusal("127.0.0.1", 80, tmp_path, exact=exact)
