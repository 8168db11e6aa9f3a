"""Secrets in ordinary text, and what only looks like one."""

from __future__ import annotations

import base64
import hashlib
import random
import string

import pytest

from petra.knowledge.secrets import secret_in

LETTERS = string.ascii_letters + string.digits


def drawn(count: int, of: str = LETTERS, seed: int = 7) -> str:
    """Characters drawn by lot: a real token may not stand in a repository, not even in its tests."""
    return "".join(random.Random(seed).choices(of, k=count))  # noqa: S311


KEY_LINES = "\n".join(drawn(64, LETTERS + "+/", seed) for seed in range(12))
PRIVATE_KEY = f"-----BEGIN RSA PRIVATE {'KEY'}-----\n{KEY_LINES}\n-----END RSA PRIVATE {'KEY'}-----\n"
UPPER = string.ascii_uppercase + "234567"

SECRETS = {
    "an AWS key": f"aws_id = {'AK'}IA{drawn(16, UPPER)}",
    "a GitHub token": f"git clone https://{'gh'}p_{drawn(36)}@github.com/x/y",
    "a GitLab token": f"{'gl'}pat-{drawn(20)}",
    "a Slack token": f"curl -H 'Authorization: Bearer {'xo'}xb-{drawn(12, string.digits)}-{drawn(24)}'",
    "a Slack address": f"https://{'hooks.slack'}.com/services/T{drawn(8, UPPER)}/B{drawn(8)}/{drawn(24)}",
    "a Google key": f'"key": "{"AI"}za{drawn(35)}"',
    "a Stripe key": f"stripe.api_key = {'sk'}_live_{drawn(24)}",
    "a model provider's key": f"OPENAI={'sk'}-proj-{drawn(48)}",
    "a Hugging Face token": f"{'h'}f_{drawn(34, string.ascii_letters)}",
    "an npm token": f"//registry/:_authToken={'np'}m_{drawn(36)}",
    "a signed token (JWT)": f"Bearer {'ey'}J{drawn(33)}.{'ey'}J{drawn(60)}.{drawn(43)}",
    "a password in an address": f"postgresql://petra:{drawn(20)}@db.lan/petra",
    "a password or token": f'client_secret = "{drawn(40)}"',
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_token_is_told_by_its_form(what: str) -> None:
    assert secret_in(f"# Notes\n\nFirst, some words.\n{SECRETS[what]}\nAnd more words.\n") == what


PUTTY = (
    "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 1\nAAAA\n"
    f"Private-Lines: 1\n{drawn(44)}\n"
)


@pytest.mark.parametrize(
    "text",
    [
        PRIVATE_KEY,
        PRIVATE_KEY.replace("RSA ", "OPENSSH "),
        '{"private_key": ' + repr(PRIVATE_KEY).replace("'", '"') + "}",
        PRIVATE_KEY.replace("\n", "\r\n    "),
        PRIVATE_KEY.replace("RSA PRIVATE KEY-----\n", "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
        PRIVATE_KEY.replace("RSA PRIVATE KEY-----\n", "RSA PRIVATE KEY----- Proc-Type: 4,ENCRYPTED ", 1),
        PUTTY,
    ],
    ids=["pem", "openssh", "json", "indented", "encrypted", "in one line", "putty"],
)
def test_a_private_key_in_ordinary_text(text: str) -> None:
    assert secret_in(f"My server:\n\n{text}\nRemember to renew it.") == "a private key"
    assert secret_in(text.encode(), "notes.md") == "a private key"


PICTURE = base64.b64encode(random.Random(1).randbytes(400_000)).decode()  # noqa: S311
HARMLESS = {
    "a word": "The private key stays on your machine. Never commit a token or a password.",
    "a head": 'if line == "-----BEGIN PRIVATE KEY-----":\n    raise ValueError',
    "a hash": f'"integrity": "sha512-{base64.b64encode(hashlib.sha512(b"x").digest()).decode()}"',
    "a hash called token": f'token_type = "{"bearer"}"\ntokenizer = "sentencepiece-large-v2-cased-128"',
    "a commit": "secret_scanning: uses: action@" + hashlib.sha1(b"x").hexdigest(),  # noqa: S324
    "a picture": f'<img src="data:image/png;base64,{PICTURE}">\nAKIA AIza ghp_ SG. sk- eyJ xox :AA hf_ npm_',
    "the example": f"AWS_ACCESS_KEY_ID={'AK'}IAIOSFODNN7EXAMPLE",
    "the JWT of the books": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4"
    "gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "a stand-in": 'password = "change-me-before-2026-please"\napi_key = "YOUR_API_KEY_GOES_HERE_123"',
    "a lookup": 'token = "settings.MODEL_TOKEN.get_secret_value"; api_key = os.environ["OPENAI_API_KEY"]',
    "django": 'SECRET_KEY = "django-insecure-' + drawn(50) + '"',
    "an address": "postgresql://user:password@localhost/db  https://user:pass@example.org",
    "a path": 'token_path = "/var/run/secrets/kubernetes.io/serviceaccount/token1"',
    "a page": f'{{"NextToken": "{drawn(60)}"}}',
    "an id": 'access_token_id = "3f2b8c1e-6d2a-4a8f-9d1c-7b5e2f4a6c8d"',
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_looks_like_a_secret(what: str) -> None:
    assert secret_in(HARMLESS[what]) is None


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\n" + "Abc: " * 100_000 + "!",
        "Abc: -----BEGIN PRIVATE KEY-----\n" * 50_000,
        "PuTTY-User-Key-File-2: \n" * 100_000,
    ],
    ids=["headers", "beginnings", "putty"],
)
def test_no_text_keeps_the_search_busy(text: str) -> None:
    assert secret_in(text) is None


def test_documentation_may_show_values_of_no_known_form() -> None:
    text = f"Set it to something long:\n\n    SECRET_KEY = '{hashlib.sha256(b'x').hexdigest()}'\n"
    assert secret_in(text, "config.rst") is None
    assert secret_in(text, "config.py") == "a password or token"
