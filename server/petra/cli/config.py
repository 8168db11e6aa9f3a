"""`petra config`: the settings as they are in force, without secrets."""

from __future__ import annotations

import argparse
import json

from petra.cli import options
from petra.cli.show import line

HELP = "show the settings in force"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the form."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print every setting, with the folders that follow from it."""
    settings = options.settings(args)
    shown = settings.public() | {
        "models_dir": str(settings.models),
        "uploads_dir": str(settings.uploads),
        "faiss_index_dir": str(settings.indexes),
    }
    if args.json:
        line(json.dumps(shown, ensure_ascii=False))
        return 0
    for name, value in shown.items():
        line(f"{name.upper()}={'' if value is None else value}")
    return 0
