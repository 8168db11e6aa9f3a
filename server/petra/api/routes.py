"""How a handler becomes a route: none without the action that `authorize` is asked about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import hdrs, web

from petra.access import Action, Identity, authorize
from petra.api.authenticate import authenticate
from petra.api.keys import IDENTITY, PRESENCE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """A method, a path and its handler; `action` is None only for what anybody may fetch. `door` is what
    its callers are counted under. A GET answers HEAD too, unless `head` is False."""

    method: str
    path: str
    action: Action | None
    handler: Handler
    door: str = "http"
    head: bool = True

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that the path answers."""
        also = (hdrs.METH_HEAD,) if self.head and self.method == hdrs.METH_GET else ()
        return (self.method, *also)


def route(
    method: str,
    path: str,
    action: Action | None,
    handler: Handler,
    *,
    door: str = "http",
    head: bool = True,
) -> Route:
    """A route whose handler runs after its caller was known and asked about."""
    return Route(method, path, action, handler, door, head)


def register(app: web.Application, routes: Iterable[Route]) -> None:
    """Add `routes` to `app`, each behind its guard."""
    for item in routes:
        handler = _guarded(item)
        resource = app.router.add_resource(item.path)
        for method in item.methods:
            resource.add_route(method, handler)


def _guarded(item: Route) -> Handler:
    """Know the caller and ask about the role and the door; objects are asked about in the handler."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if item.action is None:
            return await item.handler(request)
        request[IDENTITY] = authenticate(request)
        authorize(request[IDENTITY], item.action)
        with request.app[PRESENCE].session(item.door):
            return await item.handler(request)

    return guarded


def identity(request: web.Request) -> Identity:
    """Who sent this request. KeyError on a public route."""
    return request[IDENTITY]
