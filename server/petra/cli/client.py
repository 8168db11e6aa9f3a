"""The shell's side of the conversation with the server: HTTP over its own socket.

Standard library only, because a command should answer before a person has let go of the return key.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from petra import rendezvous
from petra.cli.options import data_dir, server_arguments
from petra.errors import PetraError
from petra.rendezvous import Running

TIMEOUT = 600.0
"""Seconds without a byte; a waiting answer sends a sign of life every 15."""


class ServerError(PetraError):
    """An error that the server told us, in its own words."""

    def __init__(self, wire: dict[str, Any]) -> None:
        super().__init__(
            str(wire.get("what", "The server failed")),
            cause=str(wire.get("cause", "")),
            remedy=str(wire.get("remedy", "")),
        )
        self.code = str(wire.get("code", "internal"))


class ConnectionLost(PetraError):
    """The server ended while it was answering."""

    code = "connection_lost"


class Client:
    """One server, addressed over its socket. Every call is a connection of its own."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def get(self, path: str, /, **query: Any) -> Any:
        """The JSON at `path`. Raises ServerError."""
        given = {key: value for key, value in query.items() if value is not None}
        return self._call("GET", path + (f"?{urlencode(given)}" if given else ""), None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON that answers a POST. Raises ServerError."""
        return self._call("POST", path, body or {})

    def delete(self, path: str) -> None:
        """Remove what is at `path`. Raises ServerError."""
        self._call("DELETE", path, None)

    def stream(self, path: str, body: dict[str, Any]) -> Stream:
        """The server-sent events that answer a POST. Raises ServerError."""
        return Stream(self, *self._send("POST", path, body, accept="text/event-stream"))

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        connection, response = self._send(method, path, body, accept="application/json")
        try:
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _lost(error) from error
        finally:
            connection.close()
        return json.loads(content) if content else None

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, *, accept: str
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = _connection(self._running)
        headers = {
            "Accept": accept,
            "Authorization": f"Bearer {self._running.token}",
            "Host": "localhost",
        }
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=content, headers=headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise _refusal(response)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _lost(error) from error
        except BaseException:
            connection.close()
            raise
        return connection, response


class Stream:
    """The parts of one answer as they come. Use it as a context manager: an answer that is not read to
    its end, for whatever reason, is cancelled on the server."""

    def __init__(
        self, client: Client, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._client = client
        self._connection = connection
        self._response = response
        self._id = response.headers.get("X-Answer-Id", "")
        self._done = False

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if not self._done and self._id:
            try:
                self._client.post(f"/api/v1/answers/{self._id}/cancel")
            except PetraError:
                return  # it has ended, or the server has

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The parts, up to and including `done`. Raises ConnectionLost when there are no more before it."""
        try:
            for line in self._response:
                if not line.startswith(b"data:"):
                    continue
                part: dict[str, Any] = json.loads(line[5:])["part"]
                self._done = part["kind"] == "done"
                yield part
                if self._done:
                    return
        except (OSError, http.client.HTTPException) as error:
            raise _lost(error) from error
        raise _lost(None)


def connect(args: argparse.Namespace) -> Client:
    """A client of the running server; starts one when there is none."""
    folder, told = data_dir(args), server_arguments(args)
    client = Client(rendezvous.find_or_start(folder, argv=told))
    try:
        client.get("/health")
    except ConnectionLost:
        # It was just leaving, for want of clients.
        client = Client(rendezvous.find_or_start(folder, argv=told))
    return client


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(running: Running) -> http.client.HTTPConnection:
    if running.socket.startswith("127.0.0.1:"):
        return http.client.HTTPConnection(running.socket, timeout=TIMEOUT)
    return _UnixConnection(running.socket)


def _refusal(response: http.client.HTTPResponse) -> PetraError:
    try:
        return ServerError(json.loads(response.read())["error"])
    except (ValueError, KeyError, TypeError):
        return PetraError(f"The server answered with status {response.status}")


def _lost(error: Exception | None) -> ConnectionLost:
    return ConnectionLost(
        "The connection to the Petra server broke",
        cause=str(error or "It ended before the answer was complete"),
        remedy="Try again; server.log in the data directory may tell why",
    )
