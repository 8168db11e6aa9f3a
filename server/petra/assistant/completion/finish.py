"""From what the model wrote to what is shown: it ends where its line or block ends, keeps the file's
indentation, and repeats nothing of what stands behind the cursor. Pure."""

from __future__ import annotations

import re

from petra.assistant.completion.cursor import Cursor, depth, indent, last_written
from petra.assistant.completion.extent import Extent

_CLOSING = re.compile(r"\s*(?:[)\]}]|end\b|fi\b|done\b|esac\b)")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SAID_ALREADY = 4
"""Letters of a line that make it no accident when it stands behind the cursor too."""


def finish(written: str, cursor: Cursor, extent: Extent) -> str:
    """What is suggested, "" for nothing."""
    text = _indented(written.replace("\r\n", "\n").replace("\r", "\n"), cursor)
    text = ended(text, cursor, extent)[0]
    text = _without_rest(text, cursor.rest) if extent == "line" else _without_below(text, cursor)
    text = text.rstrip()
    return text if text.strip() else ""


def enough(written: str, cursor: Cursor, extent: Extent) -> bool:
    """Whether nothing that the model may still write would be shown."""
    return ended(written, cursor, extent)[1]


def ended(text: str, cursor: Cursor, extent: Extent) -> tuple[str, bool]:
    """`text` up to the end of its line or block, and whether that end is in it."""
    lines = text.split("\n")
    if extent == "line":
        return lines[0], len(lines) > 1
    above = last_written(cursor.before)
    least = depth(above) + 1 if extent == "block" else depth(cursor.line)
    kept: list[str] = []
    for number, line in enumerate(lines):
        whole = cursor.line + line if number == 0 else line
        last = number == len(lines) - 1
        if (number == 0 and cursor.line.strip()) or not line.strip():
            if extent == "paragraph" and not last and any(item.strip() for item in kept):
                return "\n".join(kept), True
            kept.append(line)
        elif depth(whole) >= least or (last and not whole.strip()):
            kept.append(line)
        elif extent == "block" and depth(whole) == least - 1 and _CLOSING.match(whole) and _any(kept):
            return "\n".join([*kept, line]), not last
        else:
            # The last line may still be growing its indentation, but never once it has a letter.
            return "\n".join(kept), True
    return "\n".join(kept), False


def _any(lines: list[str]) -> bool:
    return any(line.strip() for line in lines)


def _indented(text: str, cursor: Cursor) -> str:
    """In the file's own tabs or spaces, without the indentation that the cursor's line already has."""
    tabs = re.search(r"^\t", cursor.before, re.M)
    spaces = re.search(r"^( {2,})", cursor.before, re.M)
    lines = text.split("\n")
    if tabs and not spaces:
        lines = [_leading(line, " {4}| {2}", "\t") for line in lines]
    elif spaces and not tabs:
        lines = [_leading(line, "\t", spaces[1] if len(spaces[1]) < 8 else "    ") for line in lines]
    here = cursor.line
    if here and not here.strip() and indent(lines[0]).startswith(here):
        deep_enough = depth(here) > depth(last_written(cursor.before))
        lines[0] = lines[0][len(here) :] if deep_enough or here == indent(lines[0]) else lines[0]
    return "\n".join(lines)


def _leading(line: str, unit: str, other: str) -> str:
    """A line with each `unit` of its indentation made another one."""
    white = indent(line)
    return re.sub(unit, other, white) + line[len(white) :]


def _without_rest(text: str, rest: str) -> str:
    """Without what already stands behind the cursor on its line: a bracket that the text closes and
    somebody else opened, or the very same characters."""
    rest = rest.strip()
    if not rest:
        return text
    at = _unmatched(text)
    if at is not None and rest.startswith(text[at]):
        return text[:at]
    for length in range(len(rest), 0, -1):
        if text.endswith(rest[:length]) and rest[0] not in _PAIRS:
            return text[:-length]
    return text


def _unmatched(text: str) -> int | None:
    """Where the first closing bracket stands whose opening one is not in the text; those in strings do
    not count."""
    open_ones: list[str] = []
    quote = ""
    for number, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        elif character in _PAIRS.values():
            open_ones.append(character)
        elif character in _PAIRS and (not open_ones or open_ones.pop() != _PAIRS[character]):
            return number
    return None


def _without_below(text: str, cursor: Cursor) -> str:
    """Without lines that the file goes on with anyway."""
    below = [line.strip() for line in cursor.after.split("\n")[1:] if line.strip()][:20]
    if not below:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        same = [item.strip() for item in lines[number:] if item.strip()]
        repeats = bool(same) and same == below[: len(same)] and line.strip() == same[0]
        if repeats or (line.strip() == below[0] and sum(map(str.isalnum, below[0])) >= _SAID_ALREADY):
            return "\n".join(lines[:number])
    return text
