"""The names under which this server may be addressed, known once it listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104  (recognised, not bound)


@dataclass
class Listening:
    """Which Host and Origin are this server's own, and which sockets are this machine's own.

    Empty until the server listens, and empty means: nobody is let in. Compared exactly, port
    included; a prefix or suffix test would let `127.0.0.1.evil.example` in.
    """

    hosts: set[str] = field(default_factory=set)
    origins: set[str] = field(default_factory=set)
    local: set[object] = field(default_factory=set)

    def add_page(self, host: str, port: int) -> None:
        """The page listens on `host`:`port`. A loopback address has all of its usual names."""
        names = LOOPBACK if host in LOOPBACK | ANY else {host}
        for name in names:
            bracketed = f"[{name}]" if ":" in name else name
            for address in {f"{bracketed}:{port}"} | ({bracketed} if port == 80 else set()):
                self.hosts.add(address)
                self.origins.add(f"http://{address}")

    def add_public(self, url: str) -> None:
        """People type `url`, and a proxy passes it on with its Host."""
        parts = urlsplit(url)
        self.hosts.add(parts.netloc.lower())
        self.origins.add(f"{parts.scheme}://{parts.netloc}".lower())

    def add_local(self, sockname: object) -> None:
        """`sockname` (a path; on Windows, host and port) is the socket of this machine's own clients."""
        self.local.add(sockname)
