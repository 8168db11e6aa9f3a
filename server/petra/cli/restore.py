"""`petra restore`: put a backup in the place of the database. What was there is kept beside it."""

from __future__ import annotations

import argparse

from petra import rendezvous
from petra.cli import options
from petra.cli.show import line

HELP = "put a backup in the place of the database"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which."""
    parser.add_argument("backup", type=options.file_or_folder, help="a folder that `petra backup` made")


def run(args: argparse.Namespace) -> int:
    """Restore. Raises AlreadyRunning while a server has the data directory."""
    from petra.storage import backup

    values = options.settings(args)
    database = values.database_file("restored")
    with rendezvous.Lock(values.data_dir):
        aside = backup.restore(args.backup.expanduser(), database, values.uploads)
    line(f"{database} is that of {args.backup} now")
    if aside:
        line(f"What was there before lies in {aside}")
    line("Files of folders that changed since are read again when Petra starts")
    return 0
