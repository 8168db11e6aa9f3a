import signal

import pytest

from petra import telemetry
from tests.serving import Served, served

# As `petra serve` logs: what structlog does unasked formats traces in the event loop.
telemetry.configure(level="warning")

# A shell starts what runs in the background deaf to Ctrl-C, and the programs that tests start and
# interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One real server with the real default models, ready to answer, shared by all tests."""
    # Three passages for every question: how many more are quoted depends on how fast the model reads just
    # now, and what a small model says depends on how many there are.
    with served(tmp_path_factory.mktemp("petra"), FIRST_TOKEN_TARGET="0.1") as server:
        server.wait_until_ready()
        yield server
