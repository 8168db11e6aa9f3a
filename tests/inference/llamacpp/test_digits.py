"""Integers within bounds, as digits."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from petra.inference.worker.llamacpp.digits import integers

BOUND = st.none() | st.integers(-3000, 3000) | st.integers(-(2**53), 2**53)


def matches(low: int | None, high: int | None, text: str) -> bool:
    """The grammar as a regular expression: it has only literals, sets, groups and repetitions."""
    return re.fullmatch(re.sub(r'[" ]', "", integers(low, high)), text) is not None


@given(BOUND, BOUND, st.integers(-4000, 4000) | st.integers(-(2**53), 2**53))
@example(0, 0, 0)
@example(0, None, 0)
@example(None, -1, 0)
@example(None, None, 0)
@example(-17, 230, 0)
def test_exactly_those_within(low: int | None, high: int | None, number: int) -> None:
    if low is not None and high is not None:
        low, high = sorted((low, high))
    near = {number, *(bound + by for bound in (low, high) if bound is not None for by in (-1, 0, 1))}
    for one in near:
        within = (low is None or one >= low) and (high is None or one <= high)
        assert matches(low, high, str(one)) == within, (low, high, one)


def test_no_leading_zeros_and_no_minus_nothing() -> None:
    for text in ("00", "01", "-0", "-", "", "+1", "1.0", "-01"):
        assert not matches(None, None, text) and not matches(-200, 200, text)
