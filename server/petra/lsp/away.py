"""Why an editor has no server. A file of its own, so that `forwarder` answers before it imports `link`."""

from __future__ import annotations

from petra.errors import PetraError


class ServerAway(PetraError):
    """The server that was there has ended, or does not answer."""

    code = "server_away"
    status = 503
    retryable = True
