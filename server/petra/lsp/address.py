"""Where a classroom's server may be. Standard library only."""

from __future__ import annotations

from urllib.parse import urlsplit

from petra.errors import SettingsError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN = frozenset({"ws", "http"})


def checked(url: str) -> str:
    """The address, when a token may be sent there. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if host and (scheme == "wss" or (scheme == "ws" and host in LOOPBACK)):
        return url
    in_the_clear = "The token and your text would go over the network unencrypted"
    raise SettingsError(
        f"Petra does not connect to {url}",
        cause=in_the_clear if scheme in OPEN else "This is not the address of a classroom's server",
        remedy="Give the address as wss://HOST/lsp",
    )
