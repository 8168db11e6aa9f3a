"""A whole Petra in this process, on a real port and a real unix socket; its model is the stub endpoint."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from petra.access import Tokens
from petra.api import Server
from petra.api.keys import PAGE
from petra.app import Petra
from petra.inference.worker.app import build
from petra.inference.worker.stub import StubEngine
from petra.settings import Settings


@dataclass(frozen=True)
class Rig:
    """`http` knows the token; `stranger` knows nothing; `local` has it, over the unix socket."""

    petra: Petra
    server: Server
    http: aiohttp.ClientSession
    stranger: aiohttp.ClientSession
    local: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.petra.token}"}

    async def get(self, path: str, status: int = 200, **options: Any) -> Any:
        async with self.http.get(path, **options) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def post(self, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        async with self.http.post(path, json=body or {}, **options) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def upload(self, name: str, content: bytes, status: int = 201, **fields: str) -> Any:
        form = aiohttp.FormData(quote_fields=False)
        for field, value in fields.items():
            form.add_field(field, value)
        form.add_field("file", content, filename=name)
        async with self.http.post("/upload", data=form) as response:
            assert response.status == status, await response.text()
            return await response.json()


@asynccontextmanager
async def stub_model(folder: Path, token_delay: float) -> AsyncIterator[str]:
    """The address of a model that answers with the first sentence of the best passage."""
    engine = StubEngine(token_delay=token_delay)
    runner = web.AppRunner(build(chat=engine, embed=engine), handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "model")).start()
    try:
        yield f"unix:{folder / 'model'}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def rig(
    *,
    token_delay: float = 0.0,
    tokens: Callable[[Petra], Tokens] | None = None,
    page: Path | None = None,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """Everything open, listening, and closed again. `tokens` stands in for the install's own, `page` for
    the built page; `settings` are those of Petra."""
    async with AsyncExitStack() as stack:
        # Of its own, because pytest's folders are too long for a unix socket.
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="petra-", ignore_cleanup_errors=True))
        )
        model = await stack.enter_async_context(stub_model(folder, token_delay))
        chosen = Settings(
            **{
                "data_dir": folder / "data",
                "models_dir": folder / "models",
                "model_path": model,
                "embedding_model": model,
                "rerank_threshold": -1.0,
                **settings,
            }
        )
        petra = await stack.enter_async_context(Petra.open(chosen))
        petra = replace(petra, tokens=tokens(petra) if tokens else petra.tokens)
        app = petra.http_app()
        app[PAGE] = page
        server = Server(app, shutdown_seconds=0.5)
        await server.start(host="127.0.0.1", port=0, socket=folder / "http.sock")
        stack.push_async_callback(server.close)
        origin = f"http://127.0.0.1:{server.port}"
        bearer = {"Authorization": f"Bearer {petra.token}"}
        unix = aiohttp.UnixConnector(str(folder / "http.sock"))
        sessions = [
            aiohttp.ClientSession(origin, headers=bearer),
            aiohttp.ClientSession(origin),
            aiohttp.ClientSession("http://localhost", headers=bearer, connector=unix),
        ]
        for session in sessions:
            await stack.enter_async_context(session)
        yield Rig(petra, server, *sessions)
