"""Code actions: what Petra can do with the problem or the lines under the cursor.

The list costs nothing: an edit is written by the model when somebody chooses it (`codeAction/resolve`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types

from petra.assistant.modes import TASKS
from petra.errors import PetraError
from petra.lsp import edits
from petra.lsp.documents import Open
from petra.lsp.feature import Method
from petra.lsp.params import read
from petra.lsp.rewriting import Rewrite, Rewriting
from petra.lsp.text import Text
from petra.messages import Mode

if TYPE_CHECKING:
    from petra.lsp.session import Session

SOURCE = "source.petra"
REWRITE = types.CodeActionKind.RefactorRewrite.value
KINDS = (types.CodeActionKind.QuickFix.value, REWRITE, SOURCE)
MOST_PROBLEMS = 5
MESSAGE_LENGTH = 60


class Actions:
    """The code actions of one session."""

    def __init__(self, session: Session, rewriting: Rewriting) -> None:
        self._session = session
        self._rewriting = rewriting

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        options = types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)
        return (
            Method(types.TEXT_DOCUMENT_CODE_ACTION, "ask", self.all, options=options),
            Method(types.CODE_ACTION_RESOLVE, "ask", self.resolve),
        )

    def all(self, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        """What can be done here."""
        document = self._session.documents.get(params.text_document.uri)
        if document is None or document.text is None:
            return []
        if self._session.owns(document.uri):
            found = iter(
                [self._command(f"{SOURCE}.ask", "answer this question", "ask", {"uri": document.uri})]
            )
        else:
            found = self._for_code(document, document.text, params)
        wanted = params.context.only
        listed = [item for item in found if wanted is None or _among(_kind(item), wanted)]
        if self._literals:
            return list(listed)
        return [item.command for item in listed if item.command]

    async def resolve(self, action: types.CodeAction) -> types.CodeAction:
        """The action with its edit. What goes wrong is shown, and the action comes back with nothing to do:
        some editors show an error of this by themselves, and some show nothing. Without its data, for
        editors that ask for as long as there is some and no edit."""
        data = action.data if isinstance(action.data, dict) else {}
        if "rewrite" not in data:
            return action
        try:
            edit = await self._rewriting.edit(read(Rewrite, data["rewrite"]))
        except PetraError as error:
            self._session.show(types.MessageType.Warning, str(error))
            return attrs.evolve(action, data=None)
        return attrs.evolve(action, edit=edit)

    def _for_code(
        self, document: Open, text: Text, params: types.CodeActionParams
    ) -> Iterator[types.CodeAction]:
        for problem in list(params.context.diagnostics)[:MOST_PROBLEMS]:
            yield self._quick_fix(document, text, problem)
        first, last = _lines(params.range)
        marked = params.range.start != params.range.end
        here = params.range.start
        if marked:
            yield self._rewrite(REWRITE, "correct these lines", _rewrite(document, "fix", (first, last)))
            yield self._rewrite(
                REWRITE, "document these lines", _rewrite(document, "document", (first, last))
            )
            there = around = _about(document.uri, (first, 0), (last + 1, 0))
        else:
            there = around = _about(document.uri, (here.line, here.character), (here.line, here.character))
            first, last = edits.block(text, here.line, here.line)
            if last > first:
                around = _about(document.uri, (first, 0), (last + 1, 0))
        of = "these lines" if marked else "this file"
        what = "these lines" if marked else "what is here"
        yield self._command(f"{SOURCE}.explain", f"explain {what}", "explain", around)
        yield self._command(f"{SOURCE}.test", f"write tests for {what}", "test", around)
        yield self._command(f"{SOURCE}.review", f"review {of}", "review", there)
        yield self._command(f"{SOURCE}.ask", f"ask about {of}", "ask", there)

    def _quick_fix(self, document: Open, text: Text, problem: types.Diagnostic) -> types.CodeAction:
        first, last = _lines(problem.range)
        said = " ".join(str(problem.message).split())
        shown = said if len(said) <= MESSAGE_LENGTH else said[: MESSAGE_LENGTH - 1] + "…"
        wanted = _rewrite(document, "fix", edits.block(text, first, last))
        question = f"{TASKS['fix'].question} The problem is in line {first + 1}: {said[:500]}"
        action = self._rewrite(
            types.CodeActionKind.QuickFix.value, f"correct “{shown}”", attrs.evolve(wanted, question=question)
        )
        return attrs.evolve(action, diagnostics=[problem])

    def _rewrite(self, kind: str, title: str, wanted: Rewrite) -> types.CodeAction:
        """An action that edits: by itself where the editor resolves edits, else by a command."""
        data = attrs.asdict(wanted)
        can = self._client
        resolves = bool(can and can.resolve_support and "edit" in can.resolve_support.properties)
        tags = can and can.tag_support and can.tag_support.value_set
        made = types.CodeActionTag.LlmGenerated
        return types.CodeAction(
            title=f"Petra: {title}",
            kind=kind,
            data={"rewrite": data} if resolves and can and can.data_support else None,
            command=None if resolves and can and can.data_support else _run(title, wanted.mode, data),
            tags=[made] if tags and made in tags else None,
        )

    def _command(self, kind: str, title: str, name: str, argument: dict[str, Any]) -> types.CodeAction:
        return types.CodeAction(title=f"Petra: {title}", kind=kind, command=_run(title, name, argument))

    @property
    def _client(self) -> types.CodeActionClientCapabilities | None:
        documents = self._session.client.text_document
        return documents.code_action if documents else None

    @property
    def _literals(self) -> bool:
        return bool(self._client and self._client.code_action_literal_support)


def _rewrite(document: Open, mode: Mode, lines: tuple[int, int]) -> Rewrite:
    return Rewrite(uri=document.uri, version=document.version, first=lines[0], last=lines[1], mode=mode)


def _about(uri: str, *edges: tuple[int, int]) -> dict[str, Any]:
    """The argument of a command about what is between two places."""
    start, end = ({"line": line, "character": character} for line, character in edges)
    return {"uri": uri, "range": {"start": start, "end": end}}


def _run(title: str, name: str, argument: dict[str, Any]) -> types.Command:
    return types.Command(title=f"Petra: {title}", command=f"petra.{name}", arguments=[argument])


def _lines(range: types.Range) -> tuple[int, int]:
    """First and last line of a range, from 0; one that ends before a line's first character ends above."""
    first, last = range.start.line, range.end.line
    return first, last - 1 if range.end.character == 0 and last > first else last


def _kind(action: types.CodeAction) -> str:
    return str(getattr(action.kind, "value", action.kind))


def _among(kind: str, wanted: Sequence[types.CodeActionKind | str]) -> bool:
    names = [str(getattr(item, "value", item)) for item in wanted]
    return any(not name or kind == name or kind.startswith(f"{name}.") for name in names)
