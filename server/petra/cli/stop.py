"""`petra stop`: end the server."""

from __future__ import annotations

import argparse

from petra import rendezvous
from petra.cli.options import data_dir
from petra.cli.show import line

HELP = "end the server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing more."""


def run(args: argparse.Namespace) -> int:
    """Ask it to leave and wait until it has."""
    pid = rendezvous.stop(data_dir(args))
    line("Petra was not running" if pid is None else f"Petra (process {pid}) has stopped")
    return 0
