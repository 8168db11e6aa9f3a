"""What a window leaves behind, against a set of the positions that are there."""

from hypothesis import given
from hypothesis import strategies as st

from petra.inference.worker.llamacpp.holes import Holes

WINDOW = 5
STEPS = st.lists(
    st.tuples(st.sampled_from(["grow", "save", "copy", "trim"]), st.integers(0, 1), st.integers(0, 15)),
    max_size=30,
)


@given(STEPS)
def test_nothing_is_gone_on_from_that_is_not_there(steps: list[tuple[str, int, int]]) -> None:
    holes = Holes(WINDOW)
    there: dict[int, set[int]] = {0: set(), 1: set()}
    length = {0: 0, 1: 0}
    for what, one, size in steps:
        other = 1 - one
        if what == "grow":
            there[one] |= set(range(length[one], length[one] + size))
            length[one] += size
        elif what == "save":
            # Saved from `start` on and put back: of that part, what the next token looks at.
            start = min(size, length[one])
            there[one] -= set(range(start, length[one] - WINDOW))
            holes.clear(one)
            holes.restore(one, start, length[one])
            there[one] = {at for at in there[one] if at >= start} | set(range(start))
        elif size <= length[one] and holes.allow(one, size):
            needed = set(range(max(0, size - WINDOW), size))
            assert needed <= there[one]
            if what == "copy":
                holes.copy(one, other, size)
                there[other], length[other] = {at for at in there[one] if at < size}, size
            else:
                holes.trim(one, size)
                there[one], length[one] = {at for at in there[one] if at < size}, size


@given(st.integers(0, 50), st.integers(0, 50))
def test_without_a_window_everything_is_there(end: int, length: int) -> None:
    holes = Holes(0)
    holes.restore(0, 0, end)
    assert holes.allow(0, length)


def test_what_is_whole_may_be_cut_anywhere() -> None:
    holes = Holes(WINDOW)
    assert all(holes.allow(0, length) for length in range(20))
    holes.restore(0, 10, 15)
    assert all(holes.allow(0, length) for length in range(16)), "as short as the window"
    holes.restore(0, 10, 20)
    assert [length for length in range(21) if holes.allow(0, length)] == [*range(11), 20]
