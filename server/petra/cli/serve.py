"""`petra serve`: the one server of a data directory, from its lock to its last goodbye."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from petra import __version__, platform, rendezvous, telemetry
from petra.cli import options
from petra.cli.show import line
from petra.rendezvous import Running

if TYPE_CHECKING:
    from petra.app import Petra
    from petra.settings import Settings

HELP = "run the server: the page, and what editors and the shell talk to"

CLOSE_SECONDS = 20.0
"""The longest a goodbye may take before the process ends without one."""

log = telemetry.logger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen."""
    parser.add_argument("--host", help="address of the page (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of the page (7878, or the next free one); 0: any")
    parser.add_argument(
        "--started-by-client", action="store_true", help="leave when nobody needs it any more"
    )


def run(args: argparse.Namespace) -> int:
    """Take the lock and serve until a signal, or until nobody is left."""
    platform.take_short_turns()
    settings = options.settings(args, host=args.host, port=args.port)
    settings = settings.model_copy(update={"data_dir": settings.data_dir.absolute()})
    telemetry.configure(level=settings.log_level, form=settings.log_format)
    os.umask(0o077)
    with rendezvous.Lock(settings.data_dir):
        asyncio.run(_serve(settings, started_by_client=args.started_by_client))
    return 0


async def _serve(settings: Settings, *, started_by_client: bool) -> None:
    stopping = _stop_on_signals()
    # The heavy part of a start. Nothing runs in this loop yet that it could hold up.
    from petra.api import Server
    from petra.app import Petra

    async with Petra.open(settings) as petra:
        server = Server(petra.http_app())
        folder = platform.runtime_dir(settings.data_dir)
        await server.start(
            host=settings.host,
            port=settings.port,
            socket=folder / "http.sock",
            exact="port" in settings.model_fields_set,
        )
        editors = await petra.listen_lsp("127.0.0.1:0" if platform.WINDOWS else str(folder / "lsp.sock"))
        anywhere = await petra.listen_editors()
        try:
            if anywhere:
                log.info("listening_for_editors", address=anywhere.address)
            running = Running(
                pid=os.getpid(),
                socket=server.socket,
                lsp=editors.address,
                port=server.port,
                token=petra.token,
                version=__version__,
                started_at=time.time(),
                host=_reachable(settings.host),
            )
            await asyncio.to_thread(rendezvous.write_run_file, settings.data_dir, running)
            _announce(running, settings, started_by_client=started_by_client)
            await _until_stopped(stopping, petra if started_by_client else None)
        finally:
            await asyncio.to_thread(rendezvous.remove_run_file, settings.data_dir)
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, _leave_at_once, settings.data_dir)
            if anywhere:
                await anywhere.close()
            await editors.close()
            await server.close()
    log.info("stopped")


def _announce(running: Running, settings: Settings, *, started_by_client: bool) -> None:
    log.info("listening", host=settings.host, port=running.port, data_dir=str(settings.data_dir))
    if not started_by_client:  # its output is a log file, where the token has no business
        line(f"\nPetra is ready: {running.url}\n(Ctrl-C ends it)")


def _reachable(host: str) -> str:
    """The address to open for one that only means `every address`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


async def _until_stopped(stopping: asyncio.Event, petra: Petra | None) -> None:
    """Wait for a signal; with `petra`, also for the idle time without clients and jobs."""
    if petra is None:
        await stopping.wait()
        return
    patience = petra.settings.idle_exit
    while not stopping.is_set():
        try:
            async with asyncio.timeout(min(patience / 4, 5.0)):
                await stopping.wait()
        except TimeoutError:
            if petra.presence.idle() >= patience and not petra.jobs.active() and not petra.assistant.active:
                log.info("leaving", reason="nobody is connected")
                return


def _stop_on_signals() -> asyncio.Event:
    """An event that the first SIGTERM, SIGINT or SIGHUP sets; a second one ends the process at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def stop(number: int, _: object = None) -> None:
        for other in signals:
            signal.signal(other, signal.SIG_DFL)
        loop.call_soon_threadsafe(stopping.set)

    for number in signals:
        signal.signal(number, stop)
    return stopping


def _leave_at_once(data_dir: Path) -> None:
    """Something does not end. What was acknowledged is on the disk; the lock goes with the process."""
    log.error("stopped_without_goodbye", waited_s=CLOSE_SECONDS, data_dir=str(data_dir))
    os._exit(1)
