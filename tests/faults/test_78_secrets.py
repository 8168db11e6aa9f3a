"""Files of secrets are never indexed, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.knowledge import ignore
from petra.knowledge.walk import walk

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
    assert ignore.secret(f"some/folder/{name}")


@pytest.mark.parametrize("name", ["environment.py", "keyboard.md", "secret.tex", "monkey.c", "pem.txt"])
def test_names_that_only_look_like_secrets_are_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("harmless")
    assert [file.path for file in walk(tmp_path).files] == [name]
