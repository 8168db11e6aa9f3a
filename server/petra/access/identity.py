"""Who is asking, and the token that proves it."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, replace
from typing import Literal

Role = Literal["student", "instructor", "admin", "owner"]

DAY = 86_400.0


@dataclass(frozen=True)
class Identity:
    """A person as the doors know them.

    `local` is True only for what arrived over this machine's own socket; only then may a path of
    this machine be opened on their behalf.
    """

    user_id: str
    role: Role
    local: bool = False


class Tokens:
    """The install's one token and the browser sessions derived from it, all for the owner.

    A browser never holds the token itself: cookies are shared by all ports of a host, so what is in
    one can reach a stranger's server, and a session neither opens the local socket nor lasts for ever.
    `secret` signs the sessions; without it the token does.
    """

    def __init__(
        self, token: str, owner_id: str, *, secret: str | None = None, session_days: float = 30.0
    ) -> None:
        self._token = token.encode()
        self._secret = (secret or token).encode()
        self._owner = Identity(owner_id, "owner")
        self._seconds = session_days * DAY

    def check(self, token: str, *, local: bool = False) -> Identity | None:
        """The identity of a token, or None; takes the same time whichever character is wrong."""
        if not hmac.compare_digest(_bytes(token), self._token):
            return None
        return replace(self._owner, local=local)

    def session(self, now: float | None = None) -> str:
        """A value for a browser's cookie, good until it expires."""
        expires = str(int((time.time() if now is None else now) + self._seconds))
        return f"{expires}.{self._sign(expires)}"

    def check_session(self, cookie: str, now: float | None = None) -> Identity | None:
        """The identity of a cookie; None when it is forged or expired. Never local."""
        expires, _, signature = cookie.partition(".")
        if not hmac.compare_digest(_bytes(signature), self._sign(expires).encode()):
            return None
        if int(expires) < (time.time() if now is None else now):
            return None
        return self._owner

    def _sign(self, expires: str) -> str:
        return hmac.new(self._secret, b"session:" + _bytes(expires), hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    """UTF-8 of whatever a header held, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")
