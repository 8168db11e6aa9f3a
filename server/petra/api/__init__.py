"""The HTTP and WebSocket door: the only room that knows aiohttp handlers and cookies."""

from petra.api.application import make_app
from petra.api.listening import Listening
from petra.api.server import Server

__all__ = ["Listening", "Server", "make_app"]
