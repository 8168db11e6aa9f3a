"""Rows 9, 10 and 18: deep JSON, NaN, lone surrogates, NUL, null and wrong types → 400, or as if left out."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import attrs
import pytest
import pytest_asyncio

from petra.messages import AskRequest
from tests.api.rig import Rig, rig

JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def petra() -> AsyncIterator[Rig]:
    async with rig() as open_rig:
        yield open_rig


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"question":' + b'{"a":' * 200 + b"1" + b"}" * 201,
        b'{"question": "x", "temperature": NaN}',
        b'{"question": "x", "temperature": Infinity}',
        b'{"question": "x", "temperature": 1e999}',
        b'{"question": "x", "max_tokens": ' + b"9" * 10_000 + b"}",
        b'{"question": "\\ud800"}',
        b'{"question": "a\\u0000b"}',
        b'{"question": "\xff"}',
        b'{"question": null}',
        b'{"question": 5}',
        b'{"question": ["x"]}',
        b'{"question": "x", "max_tokens": true}',
        b'{"question": "x", "max_tokens": "5"}',
        b'{"question": "x", "collections": "abc"}',
        b'{"question": "x", "collections": [null]}',
        b'{"question": "x", "mode": "root"}',
        b'{"question": "x", "unknown": 1}',
        b'"question"',
        b"",
    ],
)
async def test_what_is_no_request_is_explained(petra: Rig, body: bytes) -> None:
    async with petra.http.post("/api/v1/ask", data=body, headers=JSON) as response:
        assert response.status == 400, await response.text()
        error = (await response.json())["error"]
        assert error["code"] == "bad_request" and error["what"]
        assert response.headers["X-Request-Id"] not in ("", "none")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "field", [f.name for f in attrs.fields(AskRequest) if f.default is not attrs.NOTHING]
)
async def test_null_means_left_out(petra: Rig, field: str) -> None:
    answer = await petra.post("/api/v1/ask", {"question": "What is it?", field: None})
    assert answer["finish_reason"] == "nothing_found"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_as_encoded_as_it_says(petra: Rig, encoding: str) -> None:
    headers = JSON | {"Content-Encoding": encoding}
    async with petra.http.post("/api/v1/ask", data=io.BytesIO(b"not packed"), headers=headers) as response:
        assert response.status == 400
        assert "not packed" not in await response.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_form_is_not_json(petra: Rig) -> None:
    """The type that a stranger's page may send without asking first."""
    headers = {"Content-Type": "text/plain"}
    async with petra.http.post("/api/v1/ask", data=b'{"question": "x"}', headers=headers) as response:
        assert response.status == 415


@pytest.mark.asyncio(loop_scope="module")
async def test_any_text_is_stored_exactly(petra: Rig) -> None:
    question = "¿Qué? \u202e 漢字 😀 \x01 <b>&amp;</b>"
    answer = await petra.post("/api/v1/ask", {"question": question})
    whole = await petra.get(f"/api/v1/conversations/{answer['conversation_id']}")
    assert whole["messages"][0]["content"] == question
