"""The `petra` command. Each subcommand is a module of this package, imported only when it is the one.

Such a module has `HELP`, `add_arguments(parser)` and `run(args) -> int`, and imports what is heavy inside
`run`: `petra lsp` has to answer an editor in a fraction of a second.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from petra import __version__
from petra.cli.options import add_common
from petra.errors import PetraError

COMMANDS = (
    "serve",
    "open",
    "ask",
    "search",
    "index",
    "forget",
    "eval",
    "status",
    "reindex",
    "gc",
    "backup",
    "restore",
    "stop",
    "config",
    "models",
    "worker",
    "lsp",
)

INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for an error, 2 for wrong usage."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given and given[0] in COMMANDS:
            return _run(given[0], given[1:])
        return _overview(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except PetraError as error:
        report(error)
        return 1


def report(error: PetraError) -> None:
    """Tell a person what happened, why and what to do next."""
    print(f"petra: {error.what}", file=sys.stderr)  # noqa: T201
    for text in (error.cause, error.remedy):
        if text:
            print(f"  {text}", file=sys.stderr)  # noqa: T201


def _run(name: str, argv: Sequence[str]) -> int:
    module = _module(name)
    parser = argparse.ArgumentParser(prog=f"petra {name}", description=module.HELP, allow_abbrev=False)
    add_common(parser)
    module.add_arguments(parser)
    try:
        args = parser.parse_args(argv)
    except SystemExit as ended:  # argparse has printed its own message
        return int(ended.code or 0)
    result: int = module.run(args)
    return result


def _overview(argv: list[str]) -> int:
    """`petra`, `petra --help`, `petra --version`, and commands that do not exist."""
    if argv == ["--version"]:
        print(f"petra {__version__}")  # noqa: T201
        return 0
    parser = argparse.ArgumentParser(
        prog="petra",
        description="Answers questions about your own files with a local model, and shows its sources.",
        epilog='`petra COMMAND --help` tells more. First steps: petra serve; petra ask "…" --in FOLDER',
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name in COMMANDS:
        commands.add_parser(name, help=_module(name).HELP)
    try:
        if argv and argv[0].partition("=")[0] in ("--config", "--data-dir"):
            parser.error(f"{argv[0]} stands after the command: petra status {argv[0]} …")
        parser.parse_args(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    parser.print_help()
    return 0


def _module(name: str) -> Any:
    return importlib.import_module(f"petra.cli.{name}")
