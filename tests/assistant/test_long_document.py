"""A document longer than the model can read is quoted around the place of interest, and that is said."""

from __future__ import annotations

from tests.lsp.desk import desk

LINES = [f"int value_{n} = {n};" for n in range(1, 4001)]


async def test_a_long_document_is_cut_and_that_is_said() -> None:
    async with desk() as opened, opened.caller(folders=False) as client:
        client.open("untitled:long.c", "\n".join(LINES), "c")
        here = {"line": 1999, "character": 3}
        answer = await client.call(
            "petra/ask",
            question="What is this?",
            textDocument={"uri": "untitled:long.c"},
            range={"start": here, "end": here},
            scope={"openFiles": True},
            maxTokens=64,
        )
        assert answer["finish_reason"] == "stop"
        assert answer["usage"]["prompt_tokens"] < 4096
        said = [part["part"].get("message", "") for part in client.notes("petra/stream")]
        (note,) = [text for text in said if text.startswith("Only lines")]
        first, last = (int(word) for word in note.split() if word.isdigit())
        assert first <= 2000 <= last
