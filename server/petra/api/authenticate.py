"""Who sent a request: a Bearer token, or the browser's session cookie."""

from __future__ import annotations

from aiohttp import hdrs, web

from petra.access import Identity
from petra.api.keys import LISTENING, TOKENS
from petra.errors import NotAllowed, NotAuthenticated

COOKIE = "petra"
SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


def authenticate(request: web.Request) -> Identity:
    """The identity behind `request`. Raises NotAuthenticated without a valid token or session."""
    tokens = request.app[TOKENS]
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        found = tokens.check(token.strip(), local=is_local(request))
        if found:
            return found
        raise _unknown("The token is not this server's")
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise _unknown("The request has no token")
    found = tokens.check_session(cookie)
    if found is None:
        raise _unknown("The session has expired, or is another server's")
    # A browser always names the origin of what changes something; whoever leaves it out is not a page.
    if hdrs.ORIGIN not in request.headers and (request.method not in SAFE or _is_upgrade(request)):
        raise NotAllowed(
            "The request does not say which page it comes from",
            cause="A session cookie came without an Origin header",
            remedy="Programs use `Authorization: Bearer` with the token from run.json",
        )
    return found


def is_local(request: web.Request) -> bool:
    """Whether it arrived over this machine's own socket; False when in doubt."""
    name = request.protocol.sockname
    return (tuple(name[:2]) if isinstance(name, tuple) else name) in request.app[LISTENING].local


def _is_upgrade(request: web.Request) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def _unknown(cause: str) -> NotAuthenticated:
    return NotAuthenticated(
        "Petra does not know who is asking",
        cause=cause,
        remedy="Open the address that `petra open` prints",
    )
