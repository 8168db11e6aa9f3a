"""The commands of `workspace/executeCommand`: Petra for editors that have no plugin for it.

A command replies when its answer has begun; the answer goes on in its file, with progress that can be
cancelled. Arguments are one object, or words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from petra.access import Action
from petra.assistant.library import Library
from petra.assistant.modes import TASKS
from petra.assistant.offered import Offered
from petra.errors import BadRequest, NotFound, PetraError
from petra.knowledge.search import Passage
from petra.lsp import citations
from petra.lsp.ask import AskParams
from petra.lsp.chat import Chats
from petra.lsp.feature import Command, Handler
from petra.lsp.params import Document, Range, read
from petra.lsp.places import Places
from petra.lsp.rewriting import Rewrite, Rewriting
from petra.lsp.scope import within
from petra.messages import Mode, Source

if TYPE_CHECKING:
    from petra.lsp.session import Session

FOUND = 20
"""Passages that a search shows unless told otherwise."""


@attrs.frozen(kw_only=True)
class Wish:
    """The argument of a command. `uri` is a document that is open, `version`, `first` and `last` say which
    lines of it an edit is for; `name` is that of a model."""

    question: str = ""
    uri: str | None = None
    range: Range | None = None
    version: int | None = None
    first: int | None = None
    last: int | None = None
    name: str | None = None


class Commands:
    """The commands of one session."""

    def __init__(
        self,
        session: Session,
        chats: Chats,
        rewriting: Rewriting,
        library: Library,
        places: Places,
        offered: Offered,
    ) -> None:
        self._session = session
        self._chats = chats
        self._rewriting = rewriting
        self._library = library
        self._places = places
        self._offered = offered
        self._edits: dict[asyncio.Task[None], str] = {}

    def methods(self) -> Sequence[Command]:
        """What this feature answers."""
        handlers: dict[str, tuple[Action, Handler]] = {
            "petra.ask": ("ask", self.ask),
            "petra.explain": ("ask", self._in_mode("explain")),
            "petra.fix": ("ask", self._in_mode("fix")),
            "petra.test": ("ask", self._in_mode("test")),
            "petra.document": ("ask", self._in_mode("document")),
            "petra.review": ("ask", self._in_mode("review")),
            "petra.search": ("search", self.search),
            "petra.switchModel": ("read_models", self.switch_model),
            "petra.cancel": ("cancel_answer", self.cancel),
        }
        return [Command(name, action, self._telling(handler)) for name, (action, handler) in handlers.items()]

    async def ask(self, arguments: list[Any]) -> Any:
        """Answer what stands at the end of an answer file, or `question` in a new one; without both open one
        to type a question into."""
        wish = _wish(arguments)
        asks = bool(wish.question.strip())
        own = wish.uri is not None and self._session.owns(wish.uri)
        if wish.uri is not None and own and not asks:
            return await self._chats.go_on(wish.uri)
        if own or (wish.uri is not None and self._session.documents.get(wish.uri) is None):
            # A question from a window that shows no document is about none.
            wish = attrs.evolve(wish, uri=None, range=None)
        params = _params(wish, "ask")
        return await (self._chats.start(params) if asks else self._chats.prompt(params))

    def _in_mode(self, mode: Mode) -> Any:
        async def run(arguments: list[Any]) -> Any:
            wish = _wish(arguments)
            if wish.uri is None:
                raise BadRequest(
                    f"There is nothing to {mode}",
                    cause="The command was run without a document",
                    remedy="Use the code action, or give {uri, range}",
                )
            if wish.version is not None and wish.first is not None and TASKS[mode].writes_code:
                return await self._apply(wish, mode)
            return await self._chats.start(_params(wish, mode))

        return run

    async def search(self, arguments: list[Any]) -> Any:
        """The passages that fit `question`, in a file."""
        query = _wish(arguments).question
        around = await within(self._session, self._library, None)
        found = await self._library.search(
            self._session.identity, query, k=FOUND, names=around.collections, path=None
        )
        blocks = []
        for n, item in enumerate(found, start=1):
            source = _source(item, n)
            line = citations.link(source, await self._places.location(source))
            first = next((line.strip() for line in item.text.splitlines() if line.strip()), "")
            blocks.append(f"{line.removesuffix(' (retrieved)')}\n   `{first[:100].replace('`', ' ')}`")
        return await self._chats.page(f"Search: {query}", "\n".join(blocks) or "Nothing was found.")

    async def switch_model(self, arguments: list[Any]) -> Any:
        """Let another model answer in this editor: the one that is named, or that the person picks."""
        names = [item["name"] for item in await self._offered.all() if item["answers"]]
        name = _wish(arguments).name or await self._picked(names)
        if name is None:
            return None
        if name not in names:
            raise NotFound(f"The model {name[:80]!r} does not answer here", remedy=f"There is {names}")
        self._session.prefer_model(name)
        self._session.show(types.MessageType.Info, f"{name} answers in this editor from now on")
        return {"model": name}

    async def cancel(self, arguments: list[Any]) -> Any:
        """Stop the answers and edits that are being written for this editor, or those for `uri` only."""
        uri = _wish(arguments).uri
        edits = [task for task, of in self._edits.items() if uri in (None, of)]
        for task in edits:
            task.cancel()
        return {"cancelled": self._chats.cancel(uri) + len(edits)}

    async def _apply(self, wish: Wish, mode: Mode) -> Any:
        workspace = self._session.client.workspace
        if not (workspace and workspace.apply_edit):
            return await self._chats.start(_params(wish, mode))
        first = wish.first or 0
        wanted = Rewrite(
            uri=wish.uri or "",
            version=wish.version or 0,
            first=first,
            last=first if wish.last is None else wish.last,
            mode=mode,
            question=wish.question,
        )
        task = self._session.background(self._applied(wanted))
        self._edits[task] = wanted.uri
        task.add_done_callback(lambda ended: self._edits.pop(ended, None))
        return None

    async def _applied(self, wanted: Rewrite) -> None:
        try:
            if not await self._rewriting.apply(wanted):
                self._session.show(types.MessageType.Warning, "The editor did not make Petra's edit")
        except PetraError as error:
            self._session.show(types.MessageType.Warning, str(error))

    async def _picked(self, names: list[str]) -> str | None:
        """The model that the person picks, or None."""
        params = types.ShowMessageRequestParams(
            type=types.MessageType.Info,
            message="Which model shall answer in this editor?",
            actions=[types.MessageActionItem(name) for name in names],
        )
        try:
            picked = await self._session.request(types.WINDOW_SHOW_MESSAGE_REQUEST, params, None)
        except JsonRpcException:
            return None
        return picked.title if picked else None

    def _telling(self, handler: Handler) -> Handler:
        """The handler of a command, whose failure is shown, and is the `error` of its result: some editors
        keep the errors of commands to themselves, and those that show them would show it a second time."""

        async def run(arguments: list[Any]) -> Any:
            try:
                return await handler(arguments)
            except PetraError as error:
                self._session.show(types.MessageType.Warning, str(error))
                return {"error": error.as_values()}

        return run


def _wish(arguments: list[Any]) -> Wish:
    """What is wanted: of one object, or of words, as a person types them."""
    if arguments and all(isinstance(word, str) for word in arguments):
        words = " ".join(arguments)
        return Wish(question=words, name=words)
    if len(arguments) > 1:
        raise BadRequest("A command of Petra's takes one object, or words")
    return read(Wish, arguments[0] if arguments else None)


def _source(item: Passage, n: int) -> Source:
    """A passage that was found, as source `n`."""
    return Source(
        n=n,
        kind="retrieved",
        document_id=item.document_id,
        document=item.document,
        quote="",
        score=item.score,
        lines=item.lines,
        header=item.header,
        path=item.path,
    )


def _params(wish: Wish, mode: Mode) -> AskParams:
    range = wish.range
    if range is None and wish.first is not None:
        last = wish.first if wish.last is None else wish.last
        range = read(
            Range,
            {"start": {"line": wish.first, "character": 0}, "end": {"line": last + 1, "character": 0}},
        )
    document = Document(uri=wish.uri) if wish.uri else None
    return AskParams(question=wish.question, mode=mode, text_document=document, range=range)
