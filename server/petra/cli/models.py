"""`petra models`: list, pull, add, verify and remove the models that answer and search."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from petra.cli import options, show

if TYPE_CHECKING:
    from petra.settings import Settings

HELP = "list, fetch, add, check and remove models"

BETTER = """\
{name} is tiny: it shows that everything works, but its answers are often wrong.
With 8 GB of memory try a better one:   {petra} models pull Qwen2.5-Coder-1.5B-Instruct
then use it:                            MODEL_PATH=Qwen2.5-Coder-1.5B-Instruct (in .env)
`{petra} models list` shows all; docs/models.md helps to choose."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    commands.add_parser("list", help="show the models that are known and those that are installed")
    pull = commands.add_parser("pull", help="download models and check them")
    pull.add_argument("names", nargs="*", metavar="NAME", help="as `petra models list` has them")
    pull.add_argument("--default", action="store_true", help="the small models that Petra starts with")
    add = commands.add_parser(
        "add", help="install a model from a GGUF file or a sentence-transformers folder"
    )
    add.add_argument("path", type=Path, metavar="FILE", help="it is copied; a folder for an embedder")
    verify = commands.add_parser("verify", help="compare installed models with their checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="all, when none is named")
    remove = commands.add_parser("remove", help="delete installed models")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `petra models list` has them")
    for command in commands.choices.values():
        options.add_common(command, default=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Do it. Raises PetraError."""
    actions = {"list": _list, "pull": _pull, "add": _add, "verify": _verify, "remove": _remove}
    return actions[args.action](args, options.settings(args))


def _list(args: argparse.Namespace, values: Settings) -> int:
    from petra.inference import catalogue, installed

    here = {model.name: model for model in installed.installed(values.models)}
    in_use = {values.model_path: "answers", _embedder(values): "search", values.rerank_model: "ranking"}
    width = max(len(name) for name in [*here, *(entry.name for entry in catalogue.entries())])
    for entry in catalogue.entries():
        model = here.pop(entry.name, None)
        state = "installed" if model else "-"
        if entry.name in in_use:
            state = f"{'installed' if model else 'not installed'}, used for {in_use[entry.name]}"
        show.line(
            f"{entry.name:<{width}}  {entry.kind:<6}  {_size(entry.size)}  {entry.licence:<27}  {state}"
        )
        if entry.note:
            show.line(f"{'':<{width}}  {entry.note}")
    for model in here.values():
        state = f"{model.source}, used for {in_use[model.name]}" if model.name in in_use else model.source
        show.line(f"{model.name:<{width}}  {model.kind:<6}  {_size(model.size)}  {state}")
    return 0


def _embedder(values: Settings) -> str:
    """The model that search uses: since a `petra reindex --model` it is not the one of the settings. The
    server says so, or else the database, where there is one; what cannot be asked leaves the setting."""
    import asyncio

    from petra import __version__, rendezvous
    from petra.cli.client import Client
    from petra.errors import PetraError

    try:
        if running := rendezvous.read(values.data_dir):
            if running.version == __version__:
                return str(Client(running).get("/api/v1/status")["embedding_model"])
        elif values.database_url or (values.data_dir / "petra.db").exists():
            return asyncio.run(_active(values)) or values.embedding_model
    except PetraError:
        pass
    return values.embedding_model


async def _active(values: Settings) -> str:
    from petra.storage import index_versions
    from petra.storage.database import Database

    db = await Database.open(values.database)
    try:
        async with db.read() as conn:
            active = await index_versions.in_state(conn, "active")
    finally:
        await db.close()
    return active.model_id if active and active.configured == values.embedding_model else ""


def _pull(args: argparse.Namespace, values: Settings) -> int:
    import asyncio

    from petra.errors import BadRequest
    from petra.inference import catalogue
    from petra.inference.pull import pull

    chosen = [catalogue.find(name) for name in args.names]
    if args.default:
        chosen += [entry for entry in catalogue.defaults() if entry not in chosen]
    if not chosen:
        raise BadRequest("No model was named", remedy="`petra models pull NAME…`, or `--default`")
    for entry in chosen:
        if entry.note:
            _say(f"{entry.name}: {entry.note}")
        with _Bar(entry.name, entry.size) as bar:
            folder = asyncio.run(pull(entry.name, values.models, bar.show))
        _say(f"{entry.name} is in {folder}, checked ({entry.licence})")
    if args.default:
        name = next(entry.name for entry in chosen if entry.kind == "chat")
        # `make` runs what is not within the person's reach yet.
        _say(BETTER.format(name=name, petra="petra" if shutil.which("petra") else sys.argv[0]))
    return 0


def _add(args: argparse.Namespace, values: Settings) -> int:
    import asyncio

    from petra.inference.pull import add

    with _Bar(args.path.name, None) as bar:
        model = asyncio.run(add(args.path, values.models, bar.show))
    setting = "EMBEDDING_MODEL" if model.kind == "embed" else "MODEL_PATH"
    _say(f"Added; use it with {setting}={model.name}")
    return 0


def _verify(args: argparse.Namespace, values: Settings) -> int:
    from petra.errors import PetraError
    from petra.inference import installed

    failed = 0
    for name in args.names or [model.name for model in installed.installed(values.models)]:
        try:
            with _Bar(name, None) as bar:
                installed.verify(values.models, name, progress=bar.show)
            show.line(f"{name}: as it should be")
        except PetraError as error:
            failed += 1
            show.line(f"{name}: {error}")
    return 1 if failed else 0


def _remove(args: argparse.Namespace, values: Settings) -> int:
    from petra.inference.pull import remove

    for name in args.names:
        remove(values.models, name)
        _say(f"{name} is removed")
    return 0


def _size(size: int) -> str:
    return f"{size / 1e6:>6,.0f} MB"


def _say(text: str) -> None:
    show.line(text, to=sys.stderr)


class _Bar:
    """A progress bar on stderr, of bytes; nothing where stderr is not a terminal."""

    def __init__(self, label: str, total: int | None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            desc=label, total=total, unit="B", unit_scale=True, leave=False, delay=0.3, disable=None
        )

    def show(self, done: int, total: int) -> None:
        self._bar.total = total
        self._bar.update(max(done, 0) - self._bar.n)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
