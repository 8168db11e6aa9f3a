"""`petra worker`: one model worker alone, for a machine of its own or to look at."""

from __future__ import annotations

import argparse

from petra.cli import options

HELP = "run one model worker, an OpenAI-compatible endpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: the worker process's own."""
    from petra.inference.worker.main import add_arguments as add_worker_arguments

    add_worker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Find and check the model, then be the worker. Raises PetraError for a model that is not there."""
    from petra.inference import installed
    from petra.inference.worker import main

    if args.kind != "stub":
        values = options.settings(args)
        chosen = values.model_path if args.kind == "chat" else values.embedding_model
        found = installed.resolve(values.models, args.model or chosen)
        args.model, args.name = str(found.path), args.name or found.name
    return main.run(args)
