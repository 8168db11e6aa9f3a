"""`petra lsp`: what an editor starts. Standard library only, for the editor waits for its first reply."""

from __future__ import annotations

import argparse
import os
import sys

from petra import rendezvous
from petra.cli.options import data_dir, server_arguments
from petra.lsp.forwarder import Forwarder
from petra.lsp.link import Link

HELP = "speak the Language Server Protocol on stdin and stdout (editors start this)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What editors' language clients add to every server that they start."""
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--clientProcessId", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Forward until the editor leaves."""

    def connect() -> Link:
        # Here and not earlier: a data directory that only a file names costs an import of pydantic, and
        # a file that is wrong is told to the editor like any other reason for having no server.
        return Link(rendezvous.find_or_start(data_dir(args), argv=server_arguments(args)))

    return Forwarder(*_take_stdio(), connect).run()


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
