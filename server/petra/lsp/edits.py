"""From what a model wrote to an edit of the lines that it was asked about. Pure."""

from __future__ import annotations

import re
import textwrap

from lsprotocol import types

from petra.errors import BadRequest
from petra.lsp.text import Text
from petra.messages import Mode

BLOCK = 60
"""Lines around a problem that are shown to a model and rewritten, at most."""
NEAR = 8
"""Lines before and after a problem, where the block around it is longer than that."""

_FENCE = re.compile(r"^[ \t]*(`{3,}+|~{3,}+)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.M | re.S)
_HEADER = re.compile(r"\s*(?:async\s+def|def|class)\b")
_DOCSTRING = re.compile(r"[rR]?(\"\"\"|''')(.*?)\1", re.S)
_CLOSING = re.compile(r"[\])}]|end\b")

ANNOTATION = "petra"


def block(text: Text, first: int, last: int) -> tuple[int, int]:
    """The statement at the margin that lines `first` to `last` (from 0) are in, by its indentation; a part of
    it where it is long."""
    first = min(max(first, 0), text.lines - 1)
    last = min(max(last, first), text.lines - 1)
    start, end = first, last
    while start > 0 and first - start < BLOCK and not _at_margin(text.line(start)):
        start -= 1
    while end + 1 < text.lines and end - last < BLOCK and not _at_margin(text.line(end + 1)):
        end += 1
    while end > last and not text.line(end).strip():
        end -= 1
    if end - start >= BLOCK:
        return max(start, first - NEAR), min(end, last + NEAR)
    return start, end


def span(text: Text, first: int, last: int) -> types.Range:
    """The whole lines `first` to `last`, their ends included."""
    if last + 1 < text.lines:
        return types.Range(types.Position(first, 0), types.Position(last + 1, 0))
    return types.Range(types.Position(first, 0), types.Position(*text.place(text.length)))


def code_in(answer: str) -> str | None:
    """The first fenced block of an answer; one that is not closed goes to the end."""
    found = _FENCE.search(answer)
    return found[2].rstrip("\n") if found and found[2].strip() else None


def rewritten(mode: Mode, answer: str, before: str, language: str) -> str:
    """The lines `before` as a model has corrected or documented them. Raises BadRequest for an answer that
    is no code, or changes nothing."""
    code = code_in(answer)
    if code is None:
        raise BadRequest(
            "The model gave no code",
            cause="Its answer has no fenced block",
            remedy="Ask again, or another model",
        )
    if mode == "document" and not _repeats(code, before):
        code = _documented(code, before, language)
    else:
        code = _indented(code, before)
    code = code.rstrip("\n") + ("\n" if before.endswith(("\n", "\r")) else "")
    if "\r\n" in before:
        code = code.replace("\n", "\r\n")
    if code == before:
        raise BadRequest("The model would change nothing")
    return code


def workspace_edit(
    client: types.ClientCapabilities, uri: str, version: int, edit: types.TextEdit, model: str
) -> types.WorkspaceEdit:
    """The edit as the editor takes it: for this version only, and marked as a model's, to be confirmed."""
    can = client.workspace and client.workspace.workspace_edit
    if not (can and can.document_changes):
        return types.WorkspaceEdit(changes={uri: [edit]})
    document = types.OptionalVersionedTextDocumentIdentifier(uri, version)
    if not can.change_annotation_support:
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, [edit])])
    marked = types.AnnotatedTextEdit(ANNOTATION, edit.range, edit.new_text)
    annotation = types.ChangeAnnotation(
        label=f"Written by the model {model}",
        needs_confirmation=True,
        description="Read it before you accept it: models make mistakes",
    )
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, [marked])],
        change_annotations={ANNOTATION: annotation},
    )


def _documented(comment: str, before: str, language: str) -> str:
    """`before` with a documentation comment: above it, or in Python below its header."""
    lines = before.splitlines(keepends=True)
    if language != "python" or not _HEADER.match(before):
        return _indented(comment, before) + "\n" + before
    header = next((n for n, line in enumerate(lines) if line.split("#")[0].rstrip().endswith(":")), 0)
    rest = "".join(lines[header + 1 :])
    if rest.lstrip().startswith(('"""', "'''")):
        raise BadRequest("It is documented already", remedy="Remove what is there, and ask again")
    found = _DOCSTRING.search(comment)
    said = textwrap.dedent(found[2] if found else comment).strip()
    docstring = f'"""{said}"""' if "\n" not in said else f'"""{said}\n"""'
    margin = _margin(lines[0]) + "    "
    return "".join(lines[: header + 1]) + textwrap.indent(docstring, margin) + "\n" + rest


def _repeats(code: str, before: str) -> bool:
    """Whether a model has given the code back with its comment."""
    first = next((line.strip() for line in before.splitlines() if line.strip()), "")
    return any(line.strip() == first for line in code.splitlines())


def _indented(code: str, before: str) -> str:
    """The code as deep as what it takes the place of: models like to begin at the margin."""
    wanted = _margin(next((line for line in before.splitlines() if line.strip()), ""))
    there = _margin(next((line for line in code.splitlines() if line.strip()), ""))
    if not wanted or there == wanted:
        return code
    return textwrap.indent(textwrap.dedent(code), wanted)


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _at_margin(line: str) -> bool:
    return bool(line.strip()) and not line[0].isspace() and not _CLOSING.match(line)
