"""`petra worker`: one model worker alone, for a machine of its own or to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from petra.cli import options

HELP = "run one model worker, an OpenAI-compatible endpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: the worker process's own."""
    from petra.inference.worker import arguments

    arguments.add(parser)


def run(args: argparse.Namespace) -> int:
    """Find and check the models, then be the worker. Raises PetraError for one that is not there."""
    from petra.inference.worker import main

    if args.kind != "stub":
        values = options.settings(args)
        chosen = {"chat": values.model_path, "embed": values.embedding_model}.get(args.kind)
        given = args.model or ([chosen] if chosen else [])
        args.model = [_resolved(values.models, model) for model in given]
    return main.run(args)


def _resolved(models: Path, given: str) -> str:
    """[NAME=]MODEL, a name of the catalogue or a path, as NAME=PATH."""
    from petra.inference import installed
    from petra.inference.worker import arguments

    name, model = arguments.named(given)
    found = installed.resolve(models, model)
    return f"{name or found.name}={found.path}"
