"""A channel over this process's own standard input and output, for a server in the editor's process tree."""

from __future__ import annotations

import asyncio
import os

from petra.lsp.transport import READ_SIZE, Limits, StreamChannel


async def stdio_channel(stdin: int, stdout: int, limits: Limits) -> StreamChannel:
    """A channel over two descriptors (pipes or sockets), which it closes at its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_SIZE)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(stdin, "rb", buffering=0)
    )
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(stdout, "wb", buffering=0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    return StreamChannel(reader, writer, limits.frame)
