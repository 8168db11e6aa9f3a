"""`petra lsp --standalone`: the server in the editor's own process tree."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lsprotocol import types
from pytest_lsp.client import make_test_lsp_client

from petra import rendezvous
from tests.lsp.door import Client
from tests.serving import environment

NO_MODELS = {"MODEL_PATH": "unix:none", "EMBEDDING_MODEL": "unix:none"}


@asynccontextmanager
async def standalone(data_dir: Path) -> AsyncIterator[tuple[Client, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "petra", "lsp", "--standalone", "--data-dir", str(data_dir)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(
            MODELS_DIR=str(data_dir / "none"), MODEL_PATH="unix:none", EMBEDDING_MODEL="unix:none"
        ),
    )
    assert process.stdin and process.stdout
    try:
        yield Client(process.stdout, process.stdin), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_serves_its_editor_and_ends_with_it(tmp_path: Path) -> None:
    async with standalone(tmp_path) as (editor, process):
        assert (await editor.initialize())["serverInfo"]["name"] == "petra"
        # Nobody else finds it: it has the lock, and says nowhere where it listens.
        assert await asyncio.to_thread(rendezvous.is_locked, tmp_path)
        assert await asyncio.to_thread(rendezvous.read, tmp_path) is None
        async with standalone(tmp_path) as (second, refused):
            shown = await second.receive()
            assert shown and "already running" in shown["params"]["message"]
            assert await second.receive() is None
            assert await refused.wait() == 1
        editor.request(1, "shutdown")
        assert (await editor.reply(1))["result"] is None
        editor.notify("exit")
        assert await editor.receive() is None
        assert await process.wait() == 0
    assert not await asyncio.to_thread(rendezvous.is_locked, tmp_path)


async def test_it_leaves_when_the_editor_is_gone_or_asks_it_to(tmp_path: Path) -> None:
    async with standalone(tmp_path) as (editor, process):
        await editor.initialize()
        editor.writer.close()
        assert await process.wait() == 1
    async with standalone(tmp_path) as (editor, process):
        await editor.initialize()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() != 0
    assert not await asyncio.to_thread(rendezvous.is_locked, tmp_path)


async def test_it_keeps_to_the_specification(tmp_path: Path) -> None:
    """pytest-lsp's client checks every message against what it has said it can do."""
    client = make_test_lsp_client()
    environ = environment(MODELS_DIR=str(tmp_path / "none"), **NO_MODELS)
    command = (sys.executable, "-m", "petra", "lsp", "--standalone", "--data-dir", str(tmp_path))
    await client.start_io(*command, env=environ)
    try:
        capabilities = types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf8]),
            workspace=types.WorkspaceClientCapabilities(configuration=True),
        )
        params = types.InitializeParams(capabilities=capabilities, root_uri=tmp_path.as_uri())
        result = await client.initialize_session(params)
        assert result.capabilities.position_encoding == types.PositionEncodingKind.Utf8
        item = types.TextDocumentItem(uri="file:///a.py", language_id="python", version=1, text="x = 1")
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
        await client.shutdown_session()
    finally:
        await client.stop()
