"""`petra lsp --standalone`: the server itself on the editor's stdin and stdout, and nobody else's."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

from petra import platform, rendezvous, telemetry
from petra.access import Identity
from petra.cli import options
from petra.errors import PetraError
from petra.lsp.framing import frame
from petra.lsp.stdio import stdio_channel
from petra.lsp.transport import Connection, Limits

if TYPE_CHECKING:
    from petra.settings import Settings

ERROR = 1


def run(args: argparse.Namespace, stdin: int, stdout: int) -> int:
    """Serve one editor until it leaves; the exit status that LSP asks for."""
    try:
        if platform.WINDOWS:
            raise PetraError("--standalone does not work on Windows", remedy="Leave it out")
        platform.take_short_turns()
        settings = options.settings(args)
        settings = settings.model_copy(update={"data_dir": settings.data_dir.absolute()})
        telemetry.configure(level=settings.log_level, form=settings.log_format)
        os.umask(0o077)
        with rendezvous.Lock(settings.data_dir):
            return asyncio.run(_serve(settings, stdin, stdout))
    except PetraError as error:
        params = {"type": ERROR, "message": str(error)}
        message = {"jsonrpc": "2.0", "method": "window/showMessage", "params": params}
        os.write(stdout, frame(json.dumps(message).encode()))
        return 1


async def _serve(settings: Settings, stdin: int, stdout: int) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  (asyncio.run made one)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    # The heavy part of a start.
    from petra.app import Petra

    limits = Limits()
    async with Petra.open(settings) as petra:
        session = petra.language_session(Identity(petra.owner_id, "owner", local=True))
        channel = await stdio_channel(stdin, stdout, limits)
        with petra.presence.session("lsp"):
            await Connection(channel, session, limits).run()
            await channel.drained()
        return 0 if session.left_politely else 1
