"""Write `src/messages.gen.ts` from `petra.messages`, so that the page and the server cannot drift apart.

`python web/generate_types.py` writes the file; `--check` writes nothing and fails when it is stale.
"""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from petra import messages

TARGET = Path(__file__).parent / "src" / "messages.gen.ts"
HEADER = """\
// Generated from server/petra/messages.py by web/generate_types.py. Do not edit.
// A field that is None on the server is left out on the wire.
"""
SCALARS: dict[Any, str] = {str: "string", int: "number", float: "number", bool: "boolean"}


def aliases() -> dict[Any, str]:
    """The public type aliases of the module, by what they stand for."""
    kinds = (Literal, tuple, Union, types.UnionType)
    return {
        value: name
        for name, value in vars(messages).items()
        if name[0].isupper() and not isinstance(value, type | TypeVar) and get_origin(value) in kinds
    }


def typescript(hint: Any, names: dict[Any, str], *, spell: bool = False) -> str:
    """The TypeScript type for a Python one; `spell` writes an alias out instead of naming it."""
    if hint in names and not spell:
        return names[hint]
    if hint in SCALARS:
        return SCALARS[hint]
    if attrs.has(hint):
        return str(hint.__name__)
    args = [arg for arg in get_args(hint) if arg is not type(None)]
    origin = get_origin(hint)
    if origin is Literal:
        return " | ".join(f'"{arg}"' for arg in args)
    if origin in (Union, types.UnionType):
        return " | ".join(typescript(arg, names) for arg in args)
    if origin is tuple:
        if args[-1] is Ellipsis:
            return f"{typescript(args[0], names)}[]"
        return f"[{', '.join(typescript(arg, names) for arg in args)}]"
    raise TypeError(f"no TypeScript for {hint!r}")


def interface(cls: type[Any], names: dict[Any, str]) -> str:
    """One attrs class as an interface, with the first paragraph of its docstring."""
    hints = get_type_hints(cls)
    lines = [f"/** {(cls.__doc__ or '').strip().splitlines()[0]} */", f"export interface {cls.__name__} {{"]
    for field in attrs.fields(cls):
        hint = hints[field.name]
        # Only in what the page sends may a field with a default be left out.
        sent_by_client = cls.__name__.endswith("Request") and field.default is not attrs.NOTHING
        optional = type(None) in get_args(hint) or sent_by_client
        lines.append(f"  {field.name}{'?' if optional else ''}: {typescript(hint, names)};")
    return "\n".join([*lines, "}"])


def blocks() -> Iterator[str]:
    """The pieces of the generated file, in the order of the module."""
    names = aliases()
    yield HEADER.rstrip()
    for value, name in names.items():
        yield f"export type {name} = {typescript(value, names, spell=True)};"
    for cls in vars(messages).values():
        if attrs.has(cls) and cls.__module__ == messages.__name__:
            yield interface(cls, names)


def main() -> int:
    """Write or check the file; 1 when it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the file is stale")
    check = parser.parse_args().check
    text = "\n\n".join(blocks()) + "\n"
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if check:
        sys.stderr.write("web/src/messages.gen.ts is stale: run python web/generate_types.py\n")
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
