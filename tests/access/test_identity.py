from __future__ import annotations

import pytest

from petra.access import Tokens

TOKEN = "k3" * 20


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(TOKEN, "me", session_days=30)


def test_the_token_is_the_owner_and_local_only_on_the_local_socket(tokens: Tokens) -> None:
    remote = tokens.check(TOKEN)
    local = tokens.check(TOKEN, local=True)
    assert remote and (remote.user_id, remote.role, remote.local) == ("me", "owner", False)
    assert local and local.local


@pytest.mark.parametrize("wrong", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é\ud800"])
def test_any_other_token_is_nobody(tokens: Tokens, wrong: str) -> None:
    assert tokens.check(wrong) is None


def test_a_session_is_good_until_it_expires_and_never_local(tokens: Tokens) -> None:
    session = tokens.session(now=1000.0)
    found = tokens.check_session(session, now=1000.0 + 29 * 86_400)
    assert found and not found.local
    assert tokens.check_session(session, now=1000.0 + 31 * 86_400) is None


def test_a_session_does_not_hold_the_token_and_is_no_token(tokens: Tokens) -> None:
    session = tokens.session()
    assert TOKEN not in session
    assert tokens.check(session) is None


@pytest.mark.parametrize("forged", ["", ".", "9999999999", "9999999999.", "9999999999.abc", "x.\ud800"])
def test_a_forged_session_is_nobody(tokens: Tokens, forged: str) -> None:
    assert tokens.check_session(forged) is None


def test_a_session_cannot_be_prolonged_or_used_elsewhere(tokens: Tokens) -> None:
    expires, _, signature = tokens.session(now=0.0).partition(".")
    assert tokens.check_session(f"{int(expires) * 1000}.{signature}") is None
    assert Tokens("another" * 8, "me").check_session(tokens.session()) is None


def test_another_secret_ends_every_session(tokens: Tokens) -> None:
    signed = Tokens(TOKEN, "me", secret="s" * 32)
    assert signed.check_session(signed.session())
    assert Tokens(TOKEN, "me", secret="t" * 32).check_session(signed.session()) is None
    assert tokens.check_session(signed.session()) is None
