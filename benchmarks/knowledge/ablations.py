"""What each factor of the ranker is worth: nDCG@10 with all of them, and with one left out at a time.

    python -m benchmarks.knowledge.ablations --data-dir DIR [--data DIR] [--sets scifact,code] [--only NAME,…]
                                             [--out FILE.json]

DIR is a data directory in which `petra eval` (or `make bench-knowledge`) has embedded the sets. No worker
runs and nothing is embedded once the questions' vectors are kept there too, so that a run takes seconds. The
JSON of `--out` has each question's value in each row, and what was found with all factors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.knowledge.data import DATA
from benchmarks.knowledge.questions import Questions
from benchmarks.knowledge.sets import Labelled, sets
from petra import rendezvous, telemetry
from petra.app import Petra
from petra.research.bootstrap import paired
from petra.settings import Settings, load
from petra.storage import collections, documents

ALL = "all factors"
Values = Mapping[str, float]


def main() -> None:
    options = arguments()
    telemetry.configure(level="error")
    settings = load({"data_dir": options.data_dir.absolute()})
    wanted = options.sets.split(",") if options.sets else []
    chosen = [item for item in sets(options.data) if not wanted or item.name.split("/")[0] in wanted]
    with rendezvous.Lock(settings.data_dir):
        started = time.perf_counter()
        rows, found = asyncio.run(measure(settings, chosen, options.only))
    table(rows)
    print(f"{time.perf_counter() - started:.0f} s")
    if options.out:
        options.out.write_text(json.dumps({"rows": rows, "found": found}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", help="scifact, cosqa-dev, xquad-en, code (all)")
    parser.add_argument("--only", help="these rows besides the first; - for none (all)")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


async def measure(
    settings: Settings, chosen: Sequence[Labelled], only: str | None
) -> tuple[dict[str, dict[str, Values]], dict[str, Any]]:
    """Each row's values by set and question; and what was found with all factors."""
    questions = await known_questions(settings, chosen)
    async with Petra.open(settings, workers=()) as petra:

        async def use() -> Any:
            return questions

        searcher = petra.searcher
        searcher._use(petra.indexes, use)
        rows: dict[str, dict[str, Values]] = {}
        found: dict[str, Any] = {}
        for name, factors in variants(searcher.factors, only).items():
            searcher.factors = factors
            rows[name] = {}
            for item in chosen:
                passages, rows[name][item.name] = await judged(petra, item)
                if name == ALL:
                    found[item.name] = passages
        return rows, found


def variants(factors: Any, only: str | None) -> dict[str, Any]:
    """The factors as they are, and with each switch off."""
    names = [field.name for field in fields(factors) if getattr(factors, field.name) is True]
    wanted = only.split(",") if only else names
    return {
        ALL: factors,
        **{f"without {name}": replace(factors, **{name: False}) for name in names if name in wanted},
    }


async def known_questions(settings: Settings, chosen: Sequence[Labelled]) -> Questions:
    """All questions' vectors, from the worker for those that are new."""
    questions = Questions(settings.data_dir, settings.embedding_model)
    new = questions.missing([text for item in chosen for text in item.questions.values()])
    if new:
        async with Petra.open(settings, workers=("embed",)) as petra:
            await questions.learn(new, await petra.supervisor.use("embed"))
    return questions


async def judged(petra: Petra, item: Labelled) -> tuple[dict[str, Any], Values]:
    """The best passages of each question of a set, and its value."""
    async with petra.db.read() as conn:
        collection = item.collection(await collections.list_for(conn, petra.owner_id))
        paths = [document.path for document in await documents.list_in(conn, collection.id)]
    found = {
        id: await petra.searcher.search(text, [collection.id], item.depth)
        for id, text in item.questions.items()
    }
    values = item.judge(found, paths)
    best = {
        id: {
            "question": item.questions[id],
            "value": values[id],
            "found": [
                (passage.path, passage.lines, passage.score, passage.dense, passage.lexical)
                for passage in passages[:10]
            ],
        }
        for id, passages in found.items()
    }
    return best, values


def table(rows: Mapping[str, Mapping[str, Values]]) -> None:
    """One column for each set of texts and one for all repositories; a row's difference to the first, with
    * where 95 % of the bootstrap lie on one side of 0."""
    base = columns(rows[ALL])
    print(f"{'':<34}" + "".join(f"{name:>18}" for name in base))
    for row, by_set in rows.items():
        cells = []
        for name, values in columns(by_set).items():
            mean = fmean(values.values())
            cell = f"{mean:.4f}"
            if row != ALL:
                ids = list(values)
                change = paired([values[id] for id in ids], [base[name][id] for id in ids])
                sure = "*" if change.low > 0 or change.high < 0 else " "
                cell += f" {change.mean:+.4f}{sure}"
            cells.append(f"{cell:>18}")
        print(f"{row:<34}" + "".join(cells))


def columns(by_set: Mapping[str, Values]) -> dict[str, dict[str, float]]:
    """The sets, all repositories together."""
    found: dict[str, dict[str, float]] = {}
    for name, values in by_set.items():
        found.setdefault(name.split("/")[0], {}).update(values)
    return found


if __name__ == "__main__":
    main()
