"""`petra serve` with LSP_PORT: any editor, by TLS, with the install's token."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
from pathlib import Path

from tests.lsp import certificate
from tests.lsp.door import Client
from tests.serving import Served, environment, petra, served

NO_MODELS = {"MODEL_PATH": "unix:none", "EMBEDDING_MODEL": "unix:none"}


async def enter(server: Served, cert: Path) -> Client:
    """A client at the address that the log names."""
    found = re.search(
        r"listening_for_editors\s+address=(?:\x1b\S+?m)?127\.0\.0\.1:(\d+)", server.log.read_text()
    )
    assert found, server.log.read_text()
    tls = ssl.create_default_context(cafile=str(cert))
    return Client(*await asyncio.open_connection("127.0.0.1", int(found[1]), ssl=tls))


def test_an_editor_comes_in_by_tls(tmp_path: Path) -> None:
    cert, key = certificate.make(tmp_path)
    settings = {"LSP_PORT": "0", "TLS_CERT": str(cert), "TLS_KEY": str(key)}

    async def visit(server: Served) -> None:
        client = await enter(server, cert)
        options = {"petra": {"token": server.running.token}}
        client.request(1, "initialize", {"capabilities": {}, "initializationOptions": options})
        assert (await client.reply(1))["result"]["serverInfo"]["name"] == "petra"
        client.request(2, "shutdown")
        assert (await client.reply(2))["result"] is None
        client.notify("exit")
        assert await client.receive() is None
        await client.close()

    with served(tmp_path / "data", **NO_MODELS, **settings) as server:
        asyncio.run(visit(server))
        server.request("GET", "/api/v1/documents")  # `exit` was that of the session


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    ended = subprocess.run(
        petra("serve", "--port", "0", "--data-dir", str(tmp_path / "data")),
        env=environment(**NO_MODELS, LSP_PORT="0", TLS_CERT=str(wrong)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "TLS_CERT" in ended.stderr
