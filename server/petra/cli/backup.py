"""`petra backup`: copy what cannot be made again, beside a running server or without one."""

from __future__ import annotations

import argparse

from petra.cli import options
from petra.cli.show import line

HELP = "copy the database and the uploads into a folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument(
        "folder", type=options.file_or_folder, help="each backup is a folder of its own in this one"
    )


def run(args: argparse.Namespace) -> int:
    """Copy, and say where it is."""
    from petra.storage import backup

    values = options.settings(args)
    made = backup.make(values.database_file("copied"), values.uploads, args.folder.expanduser())
    line(f"The backup is {made}")
    line(f"Put it back: petra restore {made}")
    return 0
