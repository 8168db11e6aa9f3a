"""The HTTP side of a worker: the OpenAI API, as far as Petra needs it, over one engine or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from petra.errors import BadRequest
from petra.inference.worker.answers import Answers
from petra.inference.worker.body import read
from petra.inference.worker.door import Door, Handler, errors, guard, unstalled
from petra.inference.worker.engine import ChatEngine, Embedder, Engine, Reranker
from petra.inference.worker.fields import Fields
from petra.inference.worker.metrics import FORMAT, Collectors
from petra.inference.worker.registry import Registry
from petra.inference.worker.vectors import Embeddings, Relevance

# A million characters, or the tokens of any context that a CPU reads. Lists of texts are longer.
CHAT_BODY_LIMIT = 4 * 1024 * 1024
BODY_LIMIT = 16 * 1024 * 1024
STALL_SECONDS = 30.0
MOST_TOKENIZED = 10_000
MOST_CHARACTERS = 1 << 20


def build(
    *,
    chat: Registry | ChatEngine | None = None,
    embed: Embedder | None = None,
    rerank: Reranker | None = None,
    door: Door | None = None,
    collectors: Collectors | None = None,
    stall_s: float = STALL_SECONDS,
) -> web.Application:
    """The application over chat models, an embedder, a reranker, or an engine that is several of these.
    A client that reads nothing for `stall_s` seconds while there is something for it is cut off."""
    models = Registry(chat) if chat is not None and not isinstance(chat, Registry) else chat
    engine: Engine | None = (models and models.default) or embed or rerank
    if engine is None:
        raise ValueError("a worker without an engine")
    collectors = collectors or Collectors()
    app = web.Application(
        client_max_size=BODY_LIMIT if embed or rerank else CHAT_BODY_LIMIT,
        middlewares=[unstalled(stall_s), errors, _counted(collectors), guard(door or Door())],
    )
    about = _About(engine, models, collectors, rerank=rerank is not None)
    app.router.add_get("/health", about.health)
    app.router.add_get("/metrics", about.metrics)
    app.router.add_get("/v1/models", about.models)
    app.router.add_post("/tokenize", about.tokenize)
    if models:
        answers = Answers(models, stall_s)
        app.router.add_post("/v1/chat/completions", answers.chat)
        app.router.add_post("/v1/completions", answers.completion)
        app.router.add_post("/infill", answers.infill)
    if embed:
        app.router.add_post("/v1/embeddings", Embeddings(embed).embeddings)
    if rerank:
        app.router.add_post("/v1/rerank", Relevance(rerank).rerank)
    return app


def _counted(collectors: Collectors) -> Any:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        if resource := request.match_info.route.resource:
            collectors.request(resource.canonical)
        return await handler(request)

    return count


class _About:
    """What a worker tells of itself."""

    def __init__(
        self, engine: Engine, models: Registry | None, collectors: Collectors, *, rerank: bool
    ) -> None:
        self._engine = engine
        self._models = models
        self._collectors = collectors
        self._rerank = rerank

    async def health(self, _: web.Request) -> web.Response:
        """GET /health."""
        found = self._models.health() if self._models else self._engine.health()
        chat = self._models.default if self._models else None
        able = {
            "infill": chat is not None and chat.infill,
            "rerank": self._rerank,
            "public_prefix": chat is not None,
        }
        return web.json_response({"status": "ok", "model": self._engine.name, **found, **able})

    async def models(self, _: web.Request) -> web.Response:
        """GET /v1/models."""
        if self._models:
            items = [_item(model.name, model.context, model.parent) for model in self._models.listed()]
        else:
            items = [_item(self._engine.name, self._engine.health()["context"], None)]
        return web.json_response({"object": "list", "data": items})

    async def tokenize(self, request: web.Request) -> web.Response:
        """POST /tokenize: `content` as one text → its `tokens`; as a list → the `counts` of each."""
        fields = Fields(await read(request))
        for name in ("add_special", "parse_special", "with_pieces"):
            if fields.flag(name):
                raise BadRequest(f"This model's server cannot do {name}", remedy=f"Leave {name} out")
        content = fields.get("content")
        if content is None:
            raise BadRequest("content has to be a text or a list of texts")
        texts = fields.texts("content", MOST_TOKENIZED)
        if (characters := sum(map(len, texts))) > MOST_CHARACTERS:
            raise BadRequest(
                f"content has {characters} characters",
                cause=f"At most {MOST_CHARACTERS} are counted at once",
                remedy="Ask for the parts of the text one after the other",
            )
        if self._models:
            async with self._models.use(fields.text("model")) as model:
                found = await model.engine.tokenize(texts)
        else:
            found = await self._engine.tokenize(texts)
        if isinstance(content, str):
            return web.json_response({"tokens": found[0]})
        return web.json_response({"counts": [len(tokens) for tokens in found]})

    async def metrics(self, _: web.Request) -> web.Response:
        """GET /metrics."""
        return web.Response(body=self._collectors.render(), headers={"Content-Type": FORMAT})


def _item(name: str, context: int | None, parent: str | None) -> Mapping[str, Any]:
    """A line of /v1/models: OpenAI's, with the `meta` of llama-server and the `parent` of vLLM."""
    meta = {} if context is None else {"n_ctx": context}
    item = {"id": name, "object": "model", "created": 0, "owned_by": "petra", "meta": meta}
    return item if parent is None else {**item, "parent": parent}
