"""The arguments of a worker, and what they say about its models."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from petra.errors import SettingsError
from petra.inference.worker.options import EngineOptions, Limits

CHOICES = {"auto": None, "on": True, "off": False, "unified": True, "split": False}


@dataclass(frozen=True)
class ModelFile:
    """A model by its name on the wire, and its file or folder."""

    name: str
    path: Path


@dataclass(frozen=True)
class LoraFile:
    """A LoRA adapter by its name on the wire, its file, and the model it changes."""

    name: str
    path: Path
    base: str


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments that `petra worker` and the supervisor share."""
    parser.add_argument("kind", choices=("chat", "embed", "rerank", "stub"), help="what the model does")
    parser.add_argument("--listen", required=True, metavar="unix:PATH|HOST:PORT")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[NAME=]PATH",
        help="a GGUF file, or the folder of an embedder or reranker; further ones are loaded when asked for",
    )
    parser.add_argument("--name", help="the first model's name on the wire (from its path)")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each physical core")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="bearer token; needed on HOST:PORT")
    parser.add_argument("--allow-host", action="append", default=[], metavar="HOST[:PORT]",
                        help="a further Host header to answer to")  # fmt: skip
    parser.add_argument("--idle-class", action="store_true", help="run only when nobody wants the CPU")
    parser.add_argument("--fp32", action="store_true", help="embed in full precision only")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="keeps what was measured at a start")
    parser.add_argument("--supervised", action="store_true", help="end when standard input does")
    _add_chat(parser.add_argument_group("only for chat"))
    stub = parser.add_argument_group("only for stub")
    stub.add_argument("--token-delay", type=float, default=0.0, metavar="SECONDS")
    stub.add_argument("--crash-at-proof", action="store_true", help="die by a signal unless --no-extra-bufts")


def _add_chat(chat: argparse._ArgumentGroup) -> None:
    limits, options = Limits(), EngineOptions()
    chat.add_argument("--context", type=int, default=options.context, metavar="TOKENS",
                      help="longest prompt with its answer")  # fmt: skip
    chat.add_argument("--lora", action="append", default=[], metavar="NAME=PATH[@MODEL]",
                      help="an adapter (of the first model): a model of its own name")  # fmt: skip
    chat.add_argument("--idle-unload", type=float, default=0.0, metavar="SECONDS",
                      help="after which an unused further model is unloaded; 0: never")  # fmt: skip
    chat.add_argument("--parallel", type=int, default=limits.places, help="most answers at once")
    chat.add_argument("--per-person", type=int, default=limits.per_person, help="most of them for one person")
    chat.add_argument("--queue", type=int, default=limits.queue, help="most requests that wait")
    chat.add_argument("--max-tokens", type=int, default=limits.tokens, help="longest answer")
    chat.add_argument("--max-seconds", type=float, default=limits.seconds, help="longest time for an answer")
    chat.add_argument("--kv-tokens", type=int, default=options.cells, metavar="TOKENS",
                      help="room of the cache for all together; 0: by --context and --parallel")  # fmt: skip
    chat.add_argument("--park-bytes", type=int, default=options.park_bytes, metavar="BYTES",
                      help="memory for conversations that have left the cache")  # fmt: skip
    chat.add_argument("--step-ms", type=float, default=options.step_seconds * 1e3, metavar="MS",
                      help="time that a step with a prompt in it may take")  # fmt: skip
    chat.add_argument("--flash-attention", choices=("auto", "on", "off"), default="auto",
                      help="auto: as is measured to be faster")  # fmt: skip
    chat.add_argument("--kv", choices=("auto", "unified", "split"), default="auto",
                      help="form of the cache; auto: as is measured to be faster")  # fmt: skip
    chat.add_argument("--no-extra-bufts", action="store_true",
                      help="no repacked weights: for CPUs that offer more than they can do")  # fmt: skip


def model_files(args: argparse.Namespace) -> list[ModelFile]:
    """The models of the command line, the default first. Raises SettingsError."""
    if not args.model:
        raise SettingsError("A worker needs --model")
    found: list[ModelFile] = []
    for given in args.model:
        name, path = named(given)
        if not found and args.name:
            name = args.name
        found.append(ModelFile(name or Path(path).stem, Path(path)))
    _refuse_twice([model.name for model in found])
    return found


def named(given: str) -> tuple[str, str]:
    """The name and the path of [NAME=]PATH; the name is empty when none is given. A path may have an = in
    one of its folders: what has a slash is no name."""
    name, equals, path = given.partition("=")
    return (name, path) if equals and not {"/", "\\"} & set(name) else ("", given)


def lora_files(args: argparse.Namespace, models: Sequence[ModelFile]) -> list[LoraFile]:
    """The adapters of the command line. Raises SettingsError."""
    names = [model.name for model in models]
    found: list[LoraFile] = []
    for given in args.lora:
        name, path = named(given)
        if not name or not path:
            raise SettingsError(f"--lora {given} is no adapter", remedy="Give NAME=PATH or NAME=PATH@MODEL")
        before, at, base = path.rpartition("@")
        # Paths may have an @ of their own.
        if at and base in names:
            found.append(LoraFile(name, Path(before), base))
        elif at and not Path(path).exists():
            raise SettingsError(f"--lora {given} names no model", cause=f"There are {', '.join(names)}")
        else:
            found.append(LoraFile(name, Path(path), names[0]))
    _refuse_twice([*names, *(lora.name for lora in found)])
    return found


def engine_options(args: argparse.Namespace, *, adapters: Sequence[LoraFile], threads: int) -> EngineOptions:
    """How a chat model is run. Raises SettingsError for numbers that make no sense."""
    for name in ("context", "parallel", "per_person", "queue", "max_tokens", "max_seconds", "step_ms"):
        if getattr(args, name) <= 0:
            raise SettingsError(f"--{name.replace('_', '-')} has to be above 0")
    return EngineOptions(
        context=args.context,
        cells=args.kv_tokens,
        threads=threads,
        step_seconds=args.step_ms / 1e3,
        park_bytes=args.park_bytes,
        flash_attention=CHOICES[args.flash_attention],
        unified=CHOICES[args.kv],
        calibration=args.calibration,
        adapters={lora.name: lora.path for lora in adapters},
        extra_bufts=not args.no_extra_bufts,
        limits=Limits(
            queue=args.queue,
            tokens=args.max_tokens,
            seconds=args.max_seconds,
            places=args.parallel,
            per_person=args.per_person,
        ),
    )


def _refuse_twice(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"Two models are named {name}", remedy="Give names: --model NAME=PATH")
