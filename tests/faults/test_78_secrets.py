"""Row 78: files of secrets are never indexed, whatever they hold; and no log holds one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from petra.knowledge import ignore
from petra.knowledge.extract.document import LeftOut
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.walk import walk
from tests.api.rig import rig
from tests.knowledge.test_secrets import PRIVATE_KEY

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
    assert ignore.file(name, 0) == ignore.SECRET


@pytest.mark.parametrize("name", ["environment.py", "keyboard.md", "secret.tex", "monkey.c", "pem.txt"])
def test_names_that_only_look_like_secrets_are_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("harmless")
    assert [file.path for file in walk(tmp_path).files] == [name]


async def test_a_text_that_holds_a_secret_is_not_read(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text(f"# My server\n\nIts key, for the day when I need it:\n\n{PRIVATE_KEY}")
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32, timeout=30)
    try:
        (found,) = await extractor.extract_many([(notes, "notes.md")])
        assert isinstance(found, LeftOut)
        assert found.cause == "It may hold secrets: a private key"
        with pytest.raises(LeftOut):
            await extractor.extract(notes, "notes.md")
    finally:
        await extractor.close()


async def test_a_secret_is_not_indexed_whichever_way_it_comes(tmp_path: Path) -> None:
    (tmp_path / "deploy.md").write_text(f"Use this key.\n\n{PRIVATE_KEY}")
    (tmp_path / "plan.md").write_text("The server is called Marlin.\n")
    async with rig() as petra:
        async with petra.local.post("/api/v1/index", json={"path": str(tmp_path)}) as response:
            started = await response.json()
        job = await petra.petra.jobs.wait(started["job_id"])
        assert {item["reason"] for item in job.payload["skipped"]} == {"may hold secrets: a private key"}
        refused = await petra.upload("deploy.md", (tmp_path / "deploy.md").read_bytes())
        assert refused["state"] == "failed"
        assert "may hold secrets: a private key" in refused["reason"]
        for words in ("use this key", PRIVATE_KEY[40:60]):
            found = await petra.get("/api/v1/search", params={"q": words})
            assert {item["document"] for item in found["passages"]} <= {"plan.md"}


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
