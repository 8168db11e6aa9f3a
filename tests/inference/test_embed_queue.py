"""Which rows are computed together, and whose turn it is."""

from hypothesis import given
from hypothesis import strategies as st

from petra.inference.worker.embed_queue import BATCH_SECONDS, Batching, EmbedQueue


def queue(budget: int = 100, short: int = 50) -> EmbedQueue[str]:
    return EmbedQueue(Batching(budget, 4 * budget, short=short))


def taken(waiting: EmbedQueue[str]) -> list[tuple[str, int]]:
    return [(row.request, row.index) for row in waiting.take()]


def test_a_question_goes_ahead_of_the_bulk_that_came_first() -> None:
    waiting = queue()
    waiting.add("bulk", [60, 60, 60])
    assert taken(waiting) == [("bulk", 0)]
    waiting.add("question", [9])
    assert taken(waiting) == [("question", 0)]
    assert taken(waiting) == [("bulk", 1)]


def test_questions_of_several_people_share_a_batch_in_the_order_they_came() -> None:
    waiting = queue()
    waiting.add("long", [30] * 3)
    for person in ("ann", "ben", "cem", "dan"):
        waiting.add(person, [30])
    assert taken(waiting) == [("ann", 0), ("ben", 0), ("cem", 0)]
    assert taken(waiting) == [("dan", 0)]
    assert taken(waiting) == [("long", 0), ("long", 1), ("long", 2)]
    assert taken(waiting) == []


def test_rows_of_like_length_go_together() -> None:
    waiting = queue()
    waiting.add("bulk", [50, 10, 48, 11, 90])
    assert [taken(waiting) for _ in range(3)] == [
        [("bulk", 1), ("bulk", 3)],
        [("bulk", 2), ("bulk", 0)],
        [("bulk", 4)],
    ]


def test_what_is_longer_than_a_batch_goes_alone() -> None:
    waiting = queue()
    waiting.add("page", [7, 500])
    assert taken(waiting) == [("page", 0)]
    assert taken(waiting) == [("page", 1)]


def test_a_request_that_is_dropped_is_not_computed_any_more() -> None:
    waiting = queue()
    waiting.add("left", [60, 60])
    waiting.add("stays", [70])
    waiting.take()
    waiting.drop("left")
    assert taken(waiting) == [("stays", 0)]


def test_batches_become_as_large_as_fit_the_time() -> None:
    waiting = queue(budget=100)
    for _ in range(10):
        waiting.add("bulk", [100] * 4)
        waiting.computed(waiting.take(), BATCH_SECONDS / 2)
    assert 195 < waiting.batch_tokens <= 200
    for _ in range(10):
        waiting.add("bulk", [100] * 4)
        waiting.computed(waiting.take(), 9.0)
    assert waiting.batch_tokens == 100


def test_what_waits_is_divided_among_the_threads() -> None:
    waiting: EmbedQueue[str] = EmbedQueue(Batching(20, 1000, threads=4))
    waiting.add("rate", [100])
    waiting.computed(waiting.take(), BATCH_SECONDS / 100)
    assert waiting.batch_tokens == 1000
    waiting.add("bulk", [10] * 40)
    assert len(waiting.take()) == 10
    waiting.add("left", [10] * 1000)
    waiting.drop("left")
    assert len(waiting.take()) == 7, "30 rows are left for four threads"


def test_a_short_question_says_nothing_about_large_batches() -> None:
    waiting = queue()
    waiting.add("question", [10])
    waiting.computed(waiting.take(), 0.0001)
    assert waiting.batch_tokens == 100


@given(st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=12), max_size=8), st.integers(1, 400))
def test_every_row_is_computed_once_and_no_batch_is_too_large(requests: list[list[int]], budget: int) -> None:
    waiting: EmbedQueue[int] = EmbedQueue(Batching(budget, budget, short=100))
    for number, lengths in enumerate(requests):
        waiting.add(number, lengths)
    seen = []
    while batch := waiting.take():
        assert len(batch) == 1 or len(batch) * max(row.length for row in batch) <= budget
        assert len({row.request for row in batch if sum(requests[row.request]) > 100}) <= 1
        seen += [(row.request, row.index) for row in batch]
    assert sorted(seen) == [(n, i) for n, lengths in enumerate(requests) for i in range(len(lengths))]
