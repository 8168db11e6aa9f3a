"""Logs and metrics. A log line has an event name and identifiers, never the text of a document,
a question or an answer. Nothing is ever sent anywhere."""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import queue
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

registry = CollectorRegistry()

requests_total = Counter(
    "petra_requests_total", "Requests answered", ["door", "route", "status"], registry=registry
)
request_seconds = Histogram(
    "petra_request_seconds", "Time to answer a request", ["door", "route"], registry=registry
)
answers_total = Counter(
    "petra_answers_total", "Answers by how they ended", ["finish_reason"], registry=registry
)
first_token_seconds = Histogram(
    "petra_first_token_seconds",
    "Time from question to first token",
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
    registry=registry,
)
search_seconds = Histogram(
    "petra_search_seconds",
    "Time of one search, embedding included",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 4),
    registry=registry,
)
completions_total = Counter(
    "petra_completions_total",
    "Suggestions at the cursor by what became of them: made, typed_along, shown, accepted",
    ["outcome"],
    registry=registry,
)
completion_added_seconds = Histogram(
    "petra_completion_added_seconds",
    "What a suggestion took besides the model and the wait for the next keystroke",
    buckets=(0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.5),
    registry=registry,
)
jobs_total = Counter("petra_jobs_total", "Jobs by how they ended", ["kind", "state"], registry=registry)
worker_restarts_total = Counter(
    "petra_worker_restarts_total", "Restarts of a model worker", ["worker"], registry=registry
)
sessions = Gauge("petra_sessions", "Connected clients", ["door"], registry=registry)


def configure(*, level: str = "info", form: str = "text") -> None:
    """Send all logs to stderr as text or as JSON lines. stdout belongs to answers and to LSP."""
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        timestamp,
        _name_exception,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
            foreign_pre_chain=shared,
        )
    )
    # Formatting a trace reads source files, and stderr may be a slow pipe: neither belongs in the loop.
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, handler)
    listener.start()
    atexit.register(listener.stop)
    root = logging.getLogger()
    root.handlers = [_Unformatted(records)]
    root.setLevel(level.upper())
    # pygls logs messages at INFO and params with its errors, aiohttp URLs with their query: people's text.
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.server").addFilter(_without_the_request)
    for noisy in ("aiohttp.access", "sqlalchemy", "alembic", "httpx", "asyncio", "faiss"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Unformatted(logging.handlers.QueueHandler):
    """Hands a record over as it is; the listener's thread formats it."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record itself."""
        return record


def _without_the_request(record: logging.LogRecord) -> bool:
    """Filter: of a request that is not HTTP only that it came (aiohttp quotes its bytes, and a token or a
    question may be among them), of a client that went away nothing: that is no error."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ConnectionError):
        return False
    if type(error).__module__ == "aiohttp.http_exceptions" or type(error).__name__ == "RequestPayloadError":
        record.msg, record.args, record.exc_info = "request_not_understood", (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _name_exception(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Take the exception along: in another thread it is no longer the current one."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def logger(name: str) -> Any:
    """A structured logger: `log.info("event_name", key=value)`."""
    return structlog.stdlib.get_logger(name)


@contextmanager
def timed(histogram: Any) -> Iterator[None]:
    """Observe the time of a block, in seconds, also when it fails."""
    start = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - start)
