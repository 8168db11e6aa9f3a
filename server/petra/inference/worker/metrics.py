"""What a worker measures of itself, for Prometheus.

An engine calls a method of `WorkerMetrics` for each thing that happens, also from its own thread; each
costs at most 3 µs. Nothing here knows a person or a text: the only labels are the model, the route and the
reason of a refusal.
"""

from __future__ import annotations

import time

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

FORMAT = CONTENT_TYPE_PLAIN_0_0_4
WAITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
STEPS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5)
RATE_SECONDS = 10
"""Over how many whole seconds `tokens_per_s` is taken."""


class Collectors:
    """The metrics of one worker process: a registry of its own, each metric in it once."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        model = ("model",)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"petra_worker_{name}", text, model, buckets=buckets, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"petra_worker_{name}", text, model, registry=registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = model) -> Counter:
            return Counter(f"petra_worker_{name}", text, labels, registry=registry)

        self.first_token = histogram("ttft_seconds", "From a request's arrival to its first token", WAITS)
        self.token_gap = histogram("token_gap_seconds", "Between two tokens of an answer", STEPS)
        self.queue_wait = histogram("queue_seconds", "From a request's arrival to its admission", WAITS)
        self.step = histogram("step_seconds", "One step of the model", STEPS)
        self.queued = gauge("queued", "Requests that wait")
        self.active = gauge("active", "Answers that are read or written for now")
        self.cells_used = gauge("kv_cells_used", "Tokens in the cache of keys and values")
        self.cells = gauge("kv_cells", "Room of that cache, in tokens")
        self.parked = gauge("parked_bytes", "Saved states of conversations, in main memory")
        self.rate = gauge("tokens_per_s", f"Tokens written, over the last {RATE_SECONDS} s")
        self.prompt = counter("prompt_tokens", "Tokens of prompts, with those that were still there")
        self.reused = counter("reused_tokens", "Tokens of prompts that needed no reading")
        self.completion = counter("completion_tokens", "Tokens written")
        self.cancelled = counter("cancelled", "Answers whose reader went away")
        self.failed = counter("failed", "Answers that ended by an error in the middle")
        self.refused = counter("refused", "Requests that were not taken", ("model", "reason"))
        self.requests = counter("requests", "Requests", ("route",))
        memory = Gauge("process_resident_memory_bytes", "Memory of the process", registry=registry)
        memory.set_function(lambda: psutil.Process().memory_info().rss)

    def request(self, route: str) -> None:
        """A request has arrived for `route`."""
        self.requests.labels(route).inc()

    def render(self) -> bytes:
        """The page for Prometheus, in FORMAT."""
        return generate_latest(self.registry)


class WorkerMetrics:
    """The metrics of one model in a worker. Without `collectors` it has its own, which nobody shows."""

    def __init__(self, model: str, collectors: Collectors | None = None) -> None:
        found = self._collectors = collectors or Collectors()
        self._model = model
        # A child is looked up once: a look-up by label for each token would cost more than the count.
        self._first_token = found.first_token.labels(model)
        self._token_gap = found.token_gap.labels(model)
        self._queue_wait = found.queue_wait.labels(model)
        self._step = found.step.labels(model)
        self._queued = found.queued.labels(model)
        self._active = found.active.labels(model)
        self._cells_used = found.cells_used.labels(model)
        self._cells = found.cells.labels(model)
        self._parked = found.parked.labels(model)
        self._prompt = found.prompt.labels(model)
        self._reused = found.reused.labels(model)
        self._completion = found.completion.labels(model)
        self._cancelled = found.cancelled.labels(model)
        self._failed = found.failed.labels(model)
        self._rate = Rate()
        found.rate.labels(model).set_function(self._rate.per_second)

    def load(self, queued: int, active: int) -> None:
        """How many requests wait now, and how many are read or written."""
        self._queued.set(queued)
        self._active.set(active)

    def cache(self, used: int, cells: int) -> None:
        """How many tokens are in the cache of keys and values now, and how many have room."""
        self._cells_used.set(used)
        self._cells.set(cells)

    def parked(self, size: int) -> None:
        """How many bytes the saved states take now."""
        self._parked.set(size)

    def admitted(self, queue_seconds: float, prompt_tokens: int, reused_tokens: int) -> None:
        """A request's turn has come; `reused_tokens` of its `prompt_tokens` need no reading."""
        self._queue_wait.observe(queue_seconds)
        self._prompt.inc(prompt_tokens)
        self._reused.inc(reused_tokens)

    def first_token(self, seconds: float) -> None:
        """An answer's first token came so long after the request."""
        self._first_token.observe(seconds)

    def token(self, gap_seconds: float) -> None:
        """A further token of an answer came so long after the one before it."""
        self._token_gap.observe(gap_seconds)

    def step(self, seconds: float, written: int) -> None:
        """The model has taken a step, which brought `written` tokens of answers."""
        self._step.observe(seconds)
        if written:
            self._completion.inc(written)
            self._rate.add(written)

    def cancelled(self) -> None:
        """An answer's reader went away."""
        self._cancelled.inc()

    def failed(self) -> None:
        """An answer ended by an error in the middle."""
        self._failed.inc()

    def refused(self, reason: str) -> None:
        """A request was not taken; `reason` is the error's code."""
        self._collectors.refused.labels(self._model, reason).inc()


class Rate:
    """How many things happened a second, over the last RATE_SECONDS. For one thread that adds."""

    def __init__(self, now: float | None = None) -> None:
        self._counts = [0] * (RATE_SECONDS + 1)
        self._newest = int(time.monotonic() if now is None else now)

    def add(self, count: int, now: float | None = None) -> None:
        """`count` of them happened at `now` (of the monotonic clock)."""
        second = int(time.monotonic() if now is None else now)
        if second != self._newest:
            self._forget(second)
        self._counts[second % len(self._counts)] += count

    def per_second(self, now: float | None = None) -> float:
        """The mean over the last whole seconds, the one under way left out."""
        second = int(time.monotonic() if now is None else now)
        # Seconds in which nothing was added still hold what happened a round earlier.
        silent = min(max(second - self._newest, 0), len(self._counts))
        known = [
            self._counts[(self._newest - back) % len(self._counts)]
            for back in range(len(self._counts) - silent)
        ]
        return sum(known if silent else known[1:]) / RATE_SECONDS

    def _forget(self, second: int) -> None:
        for passed in range(min(second - self._newest, len(self._counts))):
            self._counts[(second - passed) % len(self._counts)] = 0
        self._newest = second
