"""A server for the clients of `run.py`: Petra's sessions on its TCP port, or bare pygls. Prints its port.

    python sessions.py petra|pygls

Both keep open documents and answer `bench/text` with the text of one. Neither has a model behind it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from types import SimpleNamespace
from typing import Any

from lsprotocol import types
from pygls.io_ import run_async
from pygls.lsp.server import LanguageServer

from petra import __version__, telemetry
from petra.access import Identity, Presence
from petra.lsp.features import Parts
from petra.lsp.listener import serve_tcp
from petra.lsp.session import Session

NOTHING: Any = SimpleNamespace(
    library=None,
    definitions=None,
    recall=None,
    offered=None,
    work=None,
    health=SimpleNamespace(listen=lambda _: None),
    completing=None,
)


async def petra() -> int:
    """Petra as it is in a classroom; its port."""

    def new_session(identity: Identity) -> Session:
        session = Session(Parts(NOTHING, NOTHING), identity, __version__)

        def text(params: Any) -> str:
            document = session.documents.get(params["uri"])
            return str(document.text) if document else ""

        session.feature("bench/text")(text)
        return session

    owner = Identity("owner", "owner")
    listener = await serve_tcp(
        "127.0.0.1", 0, tls=None, check=lambda _: owner, new_session=new_session, presence=Presence()
    )
    return int(listener.address.rpartition(":")[2])


async def bare() -> int:
    """One pygls server for each connection, with its own documents; its port."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = LanguageServer("bare", "1", text_document_sync_kind=types.TextDocumentSyncKind.Incremental)

        @server.feature("bench/text")
        def text(params: Any) -> str:
            return server.workspace.text_documents[params.uri].source

        server.protocol.set_writer(writer)  # type: ignore[arg-type]
        stop = SimpleNamespace(is_set=lambda: False)
        await run_async(stop_event=stop, reader=reader, protocol=server.protocol)  # type: ignore[arg-type]

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    return int(listening.sockets[0].getsockname()[1])


async def main(kind: str) -> None:
    """Listen until the end of the process."""
    print(await (petra() if kind == "petra" else bare()), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    telemetry.configure(level="error")
    logging.disable(logging.CRITICAL)
    asyncio.run(main(sys.argv[1]))
