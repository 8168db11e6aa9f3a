"""Row 78: files of secrets are never indexed, whatever they hold; and no log holds one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from petra.knowledge import ignore
from petra.knowledge.walk import walk
from tests.api.rig import rig

SECRETS = [
    ".env",
    ".env.production",
    "prod.env",
    "server.pem",
    "private.key",
    "id_rsa",
    "id_ed25519.pub",
    ".netrc",
    ".npmrc",
    "credentials",
    "credentials.json",
    "my-service-account-key.json",
    "secrets.yaml",
    "passwords.kdbx",
    "terraform.tfstate",
    "ID_RSA",
    "Server.PEM",
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_of_secrets_is_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("API_KEY=1234")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_text("API_KEY=1234")
    found = walk(tmp_path)
    assert found.files == []
    assert {reason for _, reason in found.left_out} == {"may hold secrets"}
    assert ignore.why(f"some/folder/{name}") == ignore.SECRET


@pytest.mark.parametrize("name", ["environment.py", "keyboard.md", "secret.tex", "monkey.c", "pem.txt"])
def test_names_that_only_look_like_secrets_are_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("harmless")
    assert [file.path for file in walk(tmp_path).files] == [name]


@pytest.mark.parametrize(
    "request_",
    [
        "GET /?token={token} x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health HTTP/1.1\r\nAuthorization : Bearer {token}\r\n\r\n",
        "GET /api/v1/search?q={token} y HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_request_that_is_not_http_is_not_quoted_in_the_log(
    request_: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig() as petra:
        reader, writer = await asyncio.open_connection("127.0.0.1", petra.server.port)
        writer.write(request_.format(token=petra.petra.token).encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        assert "request_not_understood" in caplog.text
        assert petra.petra.token not in caplog.text
