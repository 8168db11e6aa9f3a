"""kill -9 at random points of ingest, delete, compaction, swap and migration: nothing acknowledged is lost,
nothing is there in part, the index has what the rows have."""

from __future__ import annotations

from tests.durability.kills import kill
from tests.durability.stand_ins import folder

KILLS = 60


def test_sixty_kills_lose_nothing() -> None:
    with folder() as place:
        lives = kill(place, KILLS, seed=59)
    assert not lives.problems
    assert lives.ends["killed"] >= KILLS
    assert lives.uploads
