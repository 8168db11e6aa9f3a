"""The command line of a worker process."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from petra import platform
from petra.errors import PetraError, SettingsError
from petra.inference import reports
from petra.inference.worker import app as http
from petra.inference.worker import arguments
from petra.inference.worker.door import Door, log
from petra.inference.worker.engine import ChatEngine, Embedder, Reranker
from petra.inference.worker.metrics import Collectors, WorkerMetrics
from petra.inference.worker.options import EngineOptions
from petra.inference.worker.registry import Registry

HEADER_SECONDS = 30.0
"""For the headers of a request, and between two requests of one connection."""


BACKLOG = 1024
"""Connections that wait to be taken: a class asks at once, and on a unix socket one more is refused."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to stop. Why it cannot start is one line of JSON on stderr."""
    parser = argparse.ArgumentParser(prog="python -m petra.inference.worker", allow_abbrev=False)
    arguments.add(parser)
    try:
        return run(parser.parse_args(argv))
    except PetraError as error:
        sys.stderr.write(reports.line(error))
        return reports.CANNOT_START


def run(args: argparse.Namespace) -> int:
    """Load the model, prove it, and listen. Raises PetraError when it cannot be loaded."""
    try:
        _be_a_good_child(args)
        asyncio.run(_serve(args))
    except KeyboardInterrupt:
        return 130
    return 0


def _be_a_good_child(args: argparse.Namespace) -> None:
    platform.die_first()
    # GGML_ASSERT would start a debugger for a backtrace, and two of three such processes hung.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if not platform.WINDOWS:
        import resource

        # A core file would hold people's documents.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)
    platform.take_usual_turns()
    if args.idle_class:
        platform.enter_idle_class()
    if args.supervised:
        threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """The parent holds the other end of stdin: when it is gone, however it went, so are we."""
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)


async def _serve(args: argparse.Namespace) -> None:
    collectors = Collectors()
    application, close = _application(args, collectors)
    runner = web.AppRunner(
        application,
        handler_cancellation=True,
        access_log=None,
        logger=log(),
        shutdown_timeout=1.0,
        keepalive_timeout=HEADER_SECONDS,
        auto_decompress=False,  # a compressed body is refused: it may be a bomb
    )
    await runner.setup()
    await _site(runner, args.listen).start()
    sys.stderr.write(f"{args.kind} worker listens on {args.listen}\n")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()
    await close()


def _application(
    args: argparse.Namespace, collectors: Collectors
) -> tuple[web.Application, Callable[[], Awaitable[None]]]:
    """The application over what `args` describe, and how to close it."""
    door = _door(args)
    if args.kind == "chat":
        models = _chat_models(args, collectors)
        return http.build(chat=models, door=door, collectors=collectors), models.close
    if args.kind == "embed":
        embedder = _embedder(args)
        return http.build(embed=embedder, door=door, collectors=collectors), embedder.close
    if args.kind == "rerank":
        reranker = _reranker(args)
        return http.build(rerank=reranker, door=door, collectors=collectors), reranker.close
    from petra.inference.worker import stub

    if args.crash_at_proof and not args.no_extra_bufts:
        stub.crash()
    engine = stub.StubEngine(name=args.name or "stub", token_delay=args.token_delay)
    application = http.build(chat=engine, embed=engine, rerank=engine, door=door, collectors=collectors)
    return application, engine.close


def _chat_models(args: argparse.Namespace, collectors: Collectors) -> Registry:
    """The first model loaded, the others ready to be."""
    models = arguments.model_files(args)
    loras = arguments.lora_files(args, models)

    def loader(model: arguments.ModelFile) -> Callable[[], ChatEngine]:
        own = [lora for lora in loras if lora.base == model.name]
        options = arguments.engine_options(args, adapters=own, threads=args.threads)
        return lambda: _load(model, options, WorkerMetrics(model.name, collectors))

    first, *others = models
    return Registry(
        loader(first)(),
        {model.name: loader(model) for model in others},
        adapters={lora.name: lora.base for lora in loras},
        idle_unload_s=args.idle_unload,
    )


def _load(model: arguments.ModelFile, options: EngineOptions, metrics: WorkerMetrics) -> ChatEngine:
    from petra.inference.worker.chat import LlamaEngine

    return LlamaEngine.load(model.name, model.path, options, metrics)


def _embedder(args: argparse.Namespace) -> Embedder:
    from petra.inference.worker.embed import EmbedEngine

    model = arguments.model_files(args)[0]
    return EmbedEngine.load(
        model.name,
        model.path,
        threads=args.threads or _cores(),
        fp32=args.fp32,
        cache=args.calibration,
    )


def _reranker(args: argparse.Namespace) -> Reranker:
    from petra.inference.worker.rerank import RerankEngine

    model = arguments.model_files(args)[0]
    return RerankEngine(model.name, model.path, threads=args.threads or _cores())


def _cores() -> int:
    """Physical cores that this process may use: a second thread on one of them only spins."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or usable, usable))


def _door(args: argparse.Namespace) -> Door:
    if args.listen.startswith("unix:"):
        return Door()
    if not args.token_file:
        raise SettingsError(
            "A worker on a network address needs a token",
            cause="Everybody on this machine, and every web page open on it, can reach that address",
            remedy="Give --token-file FILE, or listen on unix:PATH",
        )
    token = args.token_file.read_text(encoding="utf-8").strip()
    if len(token) < 16:
        raise SettingsError(
            "The token is too short", remedy=f"Put 16 characters or more into {args.token_file}"
        )
    host, port = _address(args.listen)
    names = {f"{host}:{port}", *(name.lower() for name in args.allow_host)}
    if host in ("127.0.0.1", "::1", "[::1]", "localhost"):
        names |= {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    return Door(token, frozenset(names))


def _site(runner: web.AppRunner, listen: str) -> web.BaseSite:
    if listen.startswith("unix:"):
        path = Path(listen.removeprefix("unix:"))
        # Only a worker that died can have left a socket here: the supervisor starts one at a time.
        if path.is_socket():
            path.unlink()
        return web.UnixSite(runner, str(path), backlog=BACKLOG)
    host, port = _address(listen)
    return web.TCPSite(runner, host.strip("[]"), port, backlog=BACKLOG)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"{listen} is no address", remedy="Give unix:PATH or HOST:PORT")
    return host.lower(), int(port)
