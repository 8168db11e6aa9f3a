"""`petra lsp`: what an editor starts. Standard library only, for the editor waits for its first reply."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from petra import platform, rendezvous
from petra.lsp.forwarder import Forwarder
from petra.lsp.link import Link

HELP = "speak the Language Server Protocol on stdin and stdout (editors start this)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--data-dir", type=Path, help="where Petra keeps everything (default: DATA_DIR)")
    # Editors' language clients add this to every server that they start.
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Forward until the editor leaves."""
    data_dir = args.data_dir.expanduser().absolute() if args.data_dir else platform.default_data_dir()
    stdin, stdout = _take_stdio()
    return Forwarder(stdin, stdout, lambda: Link(rendezvous.find_or_start(data_dir))).run()


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
