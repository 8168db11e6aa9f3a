"""The command line of a worker process."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from petra import platform
from petra.errors import PetraError, SettingsError
from petra.inference import reports
from petra.inference.worker import app as http


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that `petra worker` and the supervisor share."""
    parser.add_argument("kind", choices=("chat", "embed", "stub"), help="what the model does")
    parser.add_argument("--listen", required=True, metavar="unix:PATH|HOST:PORT")
    parser.add_argument("--model", metavar="PATH|NAME", help="a GGUF file, or a sentence-transformers folder")
    parser.add_argument("--name", help="the model's name on the wire (from its path)")
    parser.add_argument("--context", type=int, default=4096, metavar="TOKENS")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each physical core")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="bearer token; needed on HOST:PORT")
    parser.add_argument("--allow-host", action="append", default=[], metavar="HOST[:PORT]",
                        help="a further Host header to answer to")  # fmt: skip
    parser.add_argument("--queue", type=int, default=64, help="most requests that wait")
    parser.add_argument("--max-tokens", type=int, default=4096, help="longest answer")
    parser.add_argument("--max-seconds", type=float, default=600.0, help="longest time for an answer")
    parser.add_argument("--idle-class", action="store_true", help="run only when nobody wants the CPU")
    parser.add_argument("--no-extra-bufts", action="store_true",
                        help="no repacked weights: for CPUs that offer more than they can do")  # fmt: skip
    parser.add_argument("--fp32", action="store_true", help="embed in full precision only")
    parser.add_argument("--supervised", action="store_true", help="end when standard input does")
    stub = parser.add_argument_group("only for stub")
    stub.add_argument("--token-delay", type=float, default=0.0, metavar="SECONDS")
    stub.add_argument("--crash-at-proof", action="store_true", help="die by a signal unless --no-extra-bufts")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to stop. Why it cannot start is one line of JSON on stderr."""
    parser = argparse.ArgumentParser(prog="python -m petra.inference.worker", allow_abbrev=False)
    add_arguments(parser)
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
    engine = _engine(args)
    door = _door(args)
    application = http.build(
        chat=engine if args.kind != "embed" else None,
        embed=engine if args.kind != "chat" else None,
        door=door,
    )
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
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
    await engine.close()


def _engine(args: argparse.Namespace) -> Any:
    threads = args.threads or _cores()
    if args.kind == "stub":
        from petra.inference.worker import stub

        if args.crash_at_proof and not args.no_extra_bufts:
            stub.crash()
        return stub.StubEngine(name=args.name or "stub", token_delay=args.token_delay)
    if not args.model:
        raise SettingsError("A worker needs --model")
    path = Path(args.model)
    name = args.name or path.stem
    if args.kind == "embed":
        from petra.inference.worker.embed import SentenceEngine

        return SentenceEngine(name, path, threads=threads, fp32=args.fp32)
    from petra.inference.worker.chat import Limits, LlamaEngine
    from petra.inference.worker.llama import LlamaModel

    model = LlamaModel(path, context=args.context, threads=threads, extra_bufts=not args.no_extra_bufts)
    return LlamaEngine(
        name,
        model,
        limits=Limits(args.queue, args.max_tokens, args.max_seconds),
        prefill_rate=model.measure(),
        degraded="Weights are not repacked for this CPU" if args.no_extra_bufts else None,
    )


def _cores() -> int:
    """Physical cores that this process may use: a second thread on one of them only spins."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or usable, usable))


def _door(args: argparse.Namespace) -> http.Door:
    if args.listen.startswith("unix:"):
        return http.Door()
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
    return http.Door(token, frozenset(names))


def _site(runner: web.AppRunner, listen: str) -> web.BaseSite:
    if listen.startswith("unix:"):
        path = Path(listen.removeprefix("unix:"))
        # Only a worker that died can have left a socket here: the supervisor starts one at a time.
        if path.is_socket():
            path.unlink()
        return web.UnixSite(runner, str(path))
    host, port = _address(listen)
    return web.TCPSite(runner, host.strip("[]"), port)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"{listen} is no address", remedy="Give unix:PATH or HOST:PORT")
    return host.lower(), int(port)
