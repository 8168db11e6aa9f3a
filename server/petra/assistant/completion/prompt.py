"""The prompt that fills in the middle: pieces from elsewhere as comments, then what stands before the
cursor, and what stands behind it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from petra.assistant.completion.cursor import Cursor

CHARACTERS_PER_TOKEN = 3
"""Of source text, rather too few than too many."""
SECONDS = 1.0
"""How long a model may read before its first word, at the rate that it measured of itself."""
FEWEST, MOST = 1_500, 8_000
"""Characters of a prompt. More of a file costs time and tells a small model little."""
BEHIND, ELSEWHERE = 0.2, 0.3
"""The parts of the room for what stands behind the cursor, and for pieces from elsewhere."""

_LANGUAGES = {
    "//": "c cpp csharp cuda-cpp dart go java javascript javascriptreact kotlin objective-c php rust scala "
    "swift systemverilog typescript typescriptreact verilog zig",
    "--": "haskell lua sql",
    "%": "erlang latex matlab tex",
    "#": "bash cmake dockerfile elixir julia make makefile perl python r ruby sh shellscript toml yaml",
    ";": "clojure commonlisp emacs-lisp lisp scheme",
}
MARKS = {name: mark for mark, names in _LANGUAGES.items() for name in names.split()}
"""What begins a comment, by LSP's name of the language. Without one, nothing is quoted from elsewhere."""


@dataclass(frozen=True)
class Snippet:
    """A piece of another file, or of another place of this one."""

    path: str
    text: str


@dataclass(frozen=True)
class FillIn:
    """What goes to the model. Neither side is ever read as its special tokens."""

    prefix: str
    suffix: str


def room(context: int, rate: float | None, answer: int) -> int:
    """Characters of a whole prompt for a model of `context` tokens that reads `rate` tokens a second."""
    tokens = context - answer - 32
    if rate is not None:
        tokens = min(tokens, round(rate * SECONDS))
    least = min(FEWEST, max(context - answer - 32, 0) * CHARACTERS_PER_TOKEN)
    return max(min(tokens * CHARACTERS_PER_TOKEN, MOST), least)


def build(cursor: Cursor, snippets: Sequence[Snippet], characters: int) -> FillIn:
    """A prompt of about `characters`. Its beginning stays the same while somebody types, so that the
    model has read it already."""
    behind = _first(cursor.after, round(characters * BEHIND))
    said = _quoted(snippets, MARKS.get(cursor.language, ""), round(characters * ELSEWHERE))
    before = _last(cursor.before, characters - len(behind) - len(said))
    # Without anything behind it, many endpoints take the prompt for a plain one.
    return FillIn(said + before, behind or "\n")


def _quoted(snippets: Sequence[Snippet], mark: str, characters: int) -> str:
    """Snippets as comments, as many as fit whole."""
    if not mark:
        return ""
    said = ""
    for snippet in snippets:
        body = "\n".join(f"{mark} {line}".rstrip() for line in snippet.text.strip("\n").split("\n"))
        piece = f"{mark} From {snippet.path}:\n{body}\n\n"
        if len(said) + len(piece) <= characters:
            said += piece
    return said


def _last(text: str, characters: int) -> str:
    """The last lines of a text, of which about `characters` are kept. Where they begin moves in large
    steps, not with every line that is typed."""
    if len(text) <= characters:
        return text
    step = max(characters // 3, 1)
    start = -(-(len(text) - characters) // step) * step
    line = text.find("\n", start)
    return text[line + 1 :] if 0 <= line < len(text) - 1 else text[-characters:]


def _first(text: str, characters: int) -> str:
    """The first whole lines of a text."""
    if len(text) <= characters:
        return text
    line = text.rfind("\n", 0, characters)
    return text[: line + 1] if line > 0 else text[:characters]
