"""`petra lsp`: what an editor starts. Standard library only, for the editor waits for its first reply."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from petra.errors import PetraError
from petra.lsp.forwarder import Forwarder

if TYPE_CHECKING:
    from petra.lsp.link import ToServer

HELP = "speak the Language Server Protocol on stdin and stdout (editors start this)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the server is; and what editors' language clients add to every server that they start."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--connect",
        metavar="URL",
        help="a classroom's server, wss://HOST/lsp; its token is in the keyring or in CLASSROOM_TOKEN",
    )
    where.add_argument(
        "--standalone", action="store_true", help="a server of this editor's own, which ends with it"
    )
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--clientProcessId", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Forward until the editor leaves."""
    stdin, stdout = _take_stdio()
    if args.standalone:
        from petra.cli import standalone

        return standalone.run(args, stdin, stdout)

    def connect() -> ToServer:
        # Here and not earlier: a data directory that only a file names costs an import of pydantic, and
        # a file that is wrong is told to the editor like any other reason for having no server.
        if args.connect:
            from petra.cli import classroom

            return classroom.connect(args)
        # The editor has its first reply by now.
        from petra import rendezvous
        from petra.cli.options import data_dir, server_arguments
        from petra.lsp.link import reach

        folder, arguments = data_dir(args), server_arguments(args)
        return reach(lambda: rendezvous.find_or_start(folder, argv=arguments))

    if args.connect and os.isatty(stdin):
        return _tried(connect, args.connect)
    forwarder = Forwarder(stdin, stdout, connect)
    status = forwarder.run()
    return _tried(connect, args.connect) if args.connect and not forwarder.heard else status


def _tried(connect: Callable[[], ToServer], url: str) -> int:
    """There is a person, and no editor: connect once, so that they learn whether it works."""
    from petra.cli import report

    try:
        connect().close()
    except PetraError as error:
        report(error)
        return 1
    print(f"petra: {url} lets you in. Let your editor start this command.", file=sys.stderr)  # noqa: T201
    return 0


def _take_stdio() -> tuple[int, int]:
    """Descriptors for the editor that nobody else has: a stray print goes to stderr, and a server that
    is started does not inherit the editor's pipe."""
    stdin, stdout = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(stdin, os.O_BINARY)
        msvcrt.setmode(stdout, os.O_BINARY)
    return stdin, stdout
