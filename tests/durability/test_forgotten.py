"""kill -9 while a collection is removed: all of it is there, or nothing is left."""

from __future__ import annotations

from tests.durability.kills import loop
from tests.durability.stand_ins import folder

STEP = 4


def test_a_collection_is_removed_as_a_whole_or_not_at_all() -> None:
    wholes, point = [], 0
    with folder() as place, loop(place / "data", seed=4) as lives:
        while True:
            whole, count = lives.forget(point)
            wholes.append(whole)
            assert not lives.problems, (point, lives.problems)
            if count is not None:
                break
            point += STEP
    # First it is there, then it is not, and some kills fell on either side.
    assert wholes == sorted(wholes, reverse=True)
    assert 3 <= sum(wholes) <= len(wholes) - 3, wholes
