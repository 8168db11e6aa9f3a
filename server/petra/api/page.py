"""The page: the files that the web build left, and the link that lets a browser in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import hdrs, web

from petra import platform
from petra.api.authenticate import COOKIE
from petra.api.keys import PAGE, SETTINGS, TOKENS
from petra.api.routes import Route, route
from petra.errors import NotFound

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Petra</title>
<h1>Petra is running, but its page is not built</h1>
<p>Run <code>make setup</code> in the checkout, then reload. The shell works without it:
<code>petra ask "…"</code>.</p></html>
"""


WRONG_LINK = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Petra</title>
<h1>This link does not open Petra</h1>
<p>Its token is not this server's. Run <code>petra open</code> for the right one, or copy the whole address
that Petra printed when it started.</p></html>
"""


def built_files() -> Path | None:
    """The folder of the built page: `web/dist` of a checkout, or the one inside the package."""
    root = platform.checkout_root()
    folders = [*([root / "web" / "dist"] if root else []), Path(__file__).parent / "static"]
    return next((folder for folder in folders if (folder / "index.html").is_file()), None)


async def index(request: web.Request) -> web.StreamResponse:
    """The page; with `?token=…` the browser gets its session first, and loses the token from its history."""
    token = request.query.get("token")
    if token is not None:
        return _let_in(request, token)
    folder = request.app[PAGE] or await asyncio.to_thread(built_files)
    if folder is None:
        return web.Response(text=NOT_BUILT, content_type="text/html")
    return web.FileResponse(folder / "index.html", headers={hdrs.CACHE_CONTROL: "no-cache"})


def _let_in(request: web.Request, token: str) -> web.Response:
    tokens = request.app[TOKENS]
    if tokens.check(token) is None:
        return web.Response(status=401, text=WRONG_LINK, content_type="text/html")
    response = web.Response(status=303, headers={hdrs.LOCATION: "/"})
    public = request.app[SETTINGS].public_url or ""
    response.set_cookie(
        COOKIE,
        tokens.session(),
        httponly=True,
        samesite="Strict",
        secure=public.startswith("https:"),
        max_age=30 * 86_400,
        path="/",
    )
    return response


async def built_file(request: web.Request) -> web.StreamResponse:
    """A file of the build. Those in `assets/` have their hash in the name and never change."""
    folder = request.app[PAGE] or await asyncio.to_thread(built_files)
    path = await asyncio.to_thread(_inside, folder, request.match_info["path"]) if folder else None
    if path is None:
        raise NotFound("There is nothing at this address", remedy="Start at /")
    fixed = request.path.startswith("/assets/")
    cache = "public, max-age=31536000, immutable" if fixed else "no-cache"
    return web.FileResponse(path, headers={hdrs.CACHE_CONTROL: cache})


def _inside(folder: Path, name: str) -> Path | None:
    """The file `name` of `folder`, or None when there is none or it lies elsewhere."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # longer than a name may be; a NUL or a lone surrogate
        return None


ROUTES: tuple[Route, ...] = (
    route("GET", "/", None, index),
    route("GET", "/{path:assets/.+}", None, built_file),
    route("GET", "/{path:[^/]+}", None, built_file),
)
