from __future__ import annotations

from petra.access import Presence


def test_it_is_idle_only_when_the_last_session_has_ended() -> None:
    presence = Presence()
    with presence.session("ws"):
        with presence.session("lsp"):
            assert presence.open == 2
        assert presence.open == 1
        assert presence.idle() == 0.0
    assert presence.open == 0
    assert presence.idle() >= 0.0
