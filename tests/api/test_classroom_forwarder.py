"""`petra lsp --connect`: an editor here, the server elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from petra.cli import classroom
from petra.errors import NotAuthenticated, PetraError, SettingsError
from petra.lsp.address import checked
from petra.lsp.link import ServerAway
from petra.lsp.remote import RemoteLink
from tests.api.rig import Rig, rig
from tests.lsp.editor import forwarder


def url(petra: Rig) -> str:
    return f"ws://127.0.0.1:{petra.server.port}/lsp"


async def test_an_editor_asks_the_classrooms_model() -> None:
    async with rig() as petra, forwarder(lambda: RemoteLink(url(petra), petra.petra.token)) as editor:
        await editor.initialize()
        editor.ask(1, "What is it?")
        before, reply = await editor.until_reply(1)
        assert reply["result"]["finish_reason"] in ("stop", "nothing_found")
        assert {message["method"] for message in before} >= {"petra/stream"}
        editor.writer.close()
        assert await editor.ended() == 1
        async with asyncio.timeout(5):
            while petra.petra.presence.open:
                await asyncio.sleep(0.01)


async def test_when_the_classroom_goes_away_what_was_pending_fails() -> None:
    async with (
        rig(token_delay=5.0) as petra,
        forwarder(lambda: RemoteLink(url(petra), petra.petra.token)) as editor,
    ):
        await editor.initialize()
        editor.ask(1, "What is it?")
        async with asyncio.timeout(10):
            while not petra.petra.presence.open:
                await asyncio.sleep(0.01)
        await petra.server.close()
        error = (await editor.reply(1))["error"]
        assert error["data"]["code"] == "server_away"
        editor.ask(2, "And now?")
        error = (await editor.reply(2))["error"]
        assert "classroom server does not answer" in error["message"]


async def test_a_token_that_is_not_the_servers_is_told() -> None:
    async with rig() as petra:
        with pytest.raises(NotAuthenticated, match="HTTP 401"):
            await asyncio.to_thread(RemoteLink, url(petra), "wrong")
        with pytest.raises(ServerAway, match="404"):
            await asyncio.to_thread(RemoteLink, url(petra) + "/nothing", petra.petra.token)


def test_a_token_is_not_sent_in_the_clear() -> None:
    for address in (
        "ws://school.example/lsp",
        "http://localhost/lsp",
        "school.example",
        "ws://127.0.0.1.x/lsp",
        "wss:///lsp",
        "wss://[school/lsp",
        "wss://school.example:lsp",
    ):
        with pytest.raises(SettingsError, match="wss://HOST/lsp"):
            checked(address)
    for address in ("wss://school.example/lsp", "ws://localhost:7878/lsp", "ws://[::1]:1/lsp"):
        assert checked(address) == address


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The addresses and tokens with which a connection was made."""
    made: list[tuple[str, str]] = []
    monkeypatch.setattr(classroom, "RemoteLink", lambda *arguments: made.append(arguments))
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.delenv("CLASSROOM_TOKEN", raising=False)
    return made


def arguments(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(connect="wss://school.example/lsp", config=None, data_dir=None, **given)


def keyring(result: str | Exception | None) -> ModuleType:
    module: Any = ModuleType("keyring")
    module.errors = SimpleNamespace(KeyringError=RuntimeError)

    def get_password(service: str, user: str) -> str | None:
        assert (service, user) == ("petra", "wss://school.example/lsp")
        if isinstance(result, Exception):
            raise result
        return result

    module.get_password = get_password
    found: ModuleType = module
    return found


def test_the_token_comes_from_the_keyring_then_from_the_settings(
    shown: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PetraError, match="keyring set petra wss://school"):
        classroom.connect(arguments())
    monkeypatch.setenv("CLASSROOM_TOKEN", "from the environment")
    for module in (None, keyring(None), keyring(RuntimeError("locked"))):
        monkeypatch.setitem(sys.modules, "keyring", module)
        classroom.connect(arguments())
    monkeypatch.setitem(sys.modules, "keyring", keyring("from the keyring"))
    classroom.connect(arguments())
    tokens = [token for _, token in shown]
    assert tokens == ["from the environment"] * 3 + ["from the keyring"]
