"""`petra eval`: how good retrieval is on labelled questions, through the same parts that serve a person."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petra import rendezvous, telemetry
from petra.cli import options, show, working

if TYPE_CHECKING:
    from petra.research.evaluation import Evaluation
    from petra.settings import Settings
    from petra.storage.jobs import Job

HELP = "measure retrieval on labelled questions"

DEPTH = 100
"""Passages of one question that are ranked, so that recall at 100 can be told."""
CODE_DEPTH = 10
"""As semble's benchmark does."""
PATIENCE_S = 600.0
SUFFIXES = (".md", ".txt", ".py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured on what."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    retrieval = kinds.add_parser("retrieval", help="a folder in the layout of BEIR")
    retrieval.add_argument(
        "folder", type=Path, metavar="DIR", help="with corpus.jsonl, queries.jsonl and qrels/<split>.tsv"
    )
    retrieval.add_argument("--split", default="test", metavar="NAME", help="the qrels that count (test)")
    retrieval.add_argument("--suffix", choices=SUFFIXES, help="what kind of files its documents are (.md)")
    retrieval.add_argument("--run", type=Path, metavar="FILE", help="write the rankings as a TREC run file")
    code = kinds.add_parser("code", help="a repository, with questions in semble's format")
    code.add_argument("folder", type=Path, metavar="REPO", help="the repository that is asked about")
    code.add_argument(
        "questions", type=Path, metavar="QUERIES.json", help="questions with the files that answer them"
    )
    code.add_argument("--root", default="", metavar="SUB", help="index this folder of it only")
    for command in kinds.choices.values():
        command.add_argument("--json", action="store_true", help="print everything, question by question")
        options.add_common(command, default=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Index what is new, ask, judge, print. The data directory is kept: what is embedded stays so."""
    values = settings(args)
    args.folder = args.folder.expanduser().resolve()
    telemetry.configure(level="error", form=values.log_format)
    with rendezvous.Lock(values.data_dir):
        found = asyncio.run(_measure(args, values))
    if args.json:
        show.line(json.dumps(found, ensure_ascii=False))
        return 0
    show.line(f"{found['name']}: {found['documents']} files, {len(found['questions'])} questions")
    for name, value in found["mean"].items():
        show.line(f"  {name:<10}{value:.4f}")
    return 0


def settings(args: argparse.Namespace) -> Settings:
    """All settings, for a data directory beside a person's own collections unless one is given."""
    given = options.settings(args)
    folder = given.data_dir.absolute() if args.data_dir else given.data_dir.absolute() / "evaluation"
    return given.model_copy(update={"data_dir": folder, "models_dir": given.models, "watch": False})


async def _measure(args: argparse.Namespace, values: Settings) -> dict[str, Any]:
    from petra.research import experiments
    from petra.research.record import record

    progress = show.Progress()

    def watch(job: Job) -> None:
        progress.show(working.progress({**vars(job), "eta_s": None, "model": ""}))

    async with evaluation(values) as asked:
        if args.kind == "retrieval":
            found = await experiments.retrieval(
                asked,
                args.folder,
                values.data_dir / "corpora",
                watch,
                split=args.split,
                suffix=args.suffix or ".md",
                depth=DEPTH,
                run_file=args.run,
            )
        else:
            found = await experiments.code(
                asked, args.folder, args.questions, watch, root=args.root, k=CODE_DEPTH
            )
    progress.clear()
    return {**found, "record": await asyncio.to_thread(record, values)}


@asynccontextmanager
async def evaluation(values: Settings) -> AsyncIterator[Evaluation]:
    """The parts of a server without its doors and its chat model."""
    from petra.app import Petra
    from petra.knowledge.search import Searcher
    from petra.research.evaluation import Evaluation

    async with Petra.open(values, workers=("embed", "embed-bulk")) as petra:
        # One that waits for every question's vector: on a busy machine too, the same input gives the same.
        searcher = Searcher(
            petra.db, petra.indexes, lambda: petra.supervisor.use("embed"), patience=PATIENCE_S
        )
        try:
            yield Evaluation(petra.db, petra.ingest, petra.indexes, searcher, petra.owner_id)
        finally:
            await searcher.close()
