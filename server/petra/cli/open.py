"""`petra open`: the page in a browser."""

from __future__ import annotations

import argparse
import webbrowser

from petra import rendezvous
from petra.cli.options import data_dir, server_arguments
from petra.cli.show import line

HELP = "open the page in a browser, and print its address"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to open anything."""
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="print the address, open nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Print the address with its token, and open it where there is a browser."""
    running = rendezvous.find_or_start(data_dir(args), argv=server_arguments(args))
    line(running.url)
    if not args.only_print:
        webbrowser.open(running.url)
    return 0
