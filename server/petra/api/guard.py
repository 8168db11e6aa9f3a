"""What every request passes first: exact Host, exact Origin; and the headers every response carries.

A page of a stranger can make a browser send requests to this machine, and a name of a stranger can be
made to resolve to it. The first brings its own Origin, the second its own Host.
"""

from __future__ import annotations

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from petra.api.authenticate import is_local
from petra.api.keys import LISTENING
from petra.errors import NotAllowed

LOCAL_HOST = "localhost"
"""The Host that clients of the local socket send: it has no name of its own."""

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request that was meant for another host, or was made by another site's page."""
    listening = request.app[LISTENING]
    hosts = {LOCAL_HOST} if is_local(request) else listening.hosts
    named = [host.lower() for host in request.headers.getall(hdrs.HOST, [])]
    if len(named) != 1 or named[0] not in hosts:
        raise NotAllowed(
            "This is not a name of this server",
            cause=f"The request was sent to {', '.join(named) or 'no host'}",
            remedy="Open the address that `petra open` prints; behind a proxy, set PUBLIC_URL",
        )
    for origin in request.headers.getall(hdrs.ORIGIN, []):
        if origin.lower() not in listening.origins:
            raise NotAllowed(
                "Another site's page may not talk to Petra",
                cause=f"The request comes from {origin}",
                remedy="Use the page that `petra open` shows; behind a proxy, set PUBLIC_URL",
            )
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: the security headers, where the response has not its own stricter ones."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers[hdrs.SERVER] = "Petra"  # aiohttp's own would tell versions to strangers
