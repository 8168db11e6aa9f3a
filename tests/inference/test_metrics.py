"""What a worker counts, and what Prometheus reads of it."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from petra.inference.worker.metrics import RATE_SECONDS, Collectors, Rate, WorkerMetrics


def values(collectors: Collectors) -> dict[tuple[str, ...], float]:
    """Every sample of the page: its name and the values of its labels, in the order of their names."""
    return {
        (
            sample.name.removeprefix("petra_worker_"),
            *dict(sorted(sample.labels.items())).values(),
        ): sample.value
        for family in text_string_to_metric_families(collectors.render().decode())
        for sample in family.samples
    }


def test_what_happened_is_on_the_page_under_its_model() -> None:
    collectors = Collectors()
    small, large = WorkerMetrics("small", collectors), WorkerMetrics("large", collectors)
    small.load(queued=3, active=8)
    small.admitted(0.2, prompt_tokens=700, reused_tokens=650)
    small.first_token(0.3)
    small.token(0.04)
    small.step(0.035, written=8)
    small.cache(used=900, cells=4096)
    small.parked(1 << 20)
    large.cancelled()
    large.refused("busy")
    large.failed()
    collectors.request("/v1/chat/completions")
    page = values(collectors)
    assert page["queued", "small"] == 3 and page["active", "small"] == 8 and page["queued", "large"] == 0
    assert page["prompt_tokens_total", "small"] == 700 and page["reused_tokens_total", "small"] == 650
    assert page["completion_tokens_total", "small"] == 8
    assert page["ttft_seconds_sum", "small"] == 0.3 and page["queue_seconds_count", "small"] == 1
    assert page["token_gap_seconds_bucket", "0.05", "small"] == 1
    assert page["token_gap_seconds_bucket", "0.035", "small"] == 0
    assert page["step_seconds_bucket", "0.035", "small"] == 1
    assert page["kv_cells_used", "small"] == 900 and page["kv_cells", "small"] == 4096
    assert page["parked_bytes", "small"] == 1 << 20
    assert page["cancelled_total", "large"] == 1 and page["failed_total", "large"] == 1
    assert page["refused_total", "large", "busy"] == 1
    assert page["requests_total", "/v1/chat/completions"] == 1
    assert page[("process_resident_memory_bytes",)] > 1 << 20


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 50)), max_size=30), st.floats(0, 60))
def test_the_rate_is_that_of_the_last_whole_seconds(happened: list[tuple[float, int]], later: float) -> None:
    happened.sort()
    now = max([at for at, _ in happened], default=0.0) + later
    rate = Rate(now=0)
    for at, count in happened:
        rate.add(count, now=at)
    expected = sum(count for at, count in happened if 1 <= int(now) - int(at) <= RATE_SECONDS)
    assert rate.per_second(now) * RATE_SECONDS == expected
