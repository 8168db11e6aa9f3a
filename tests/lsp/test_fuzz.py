"""Whatever a client sends, the server lives and every request is answered."""

from __future__ import annotations

from tests.lsp.fuzz import fuzz


def test_whatever_is_sent_is_answered_and_the_server_lives() -> None:
    assert fuzz(25.0, examples=1500) > 100
