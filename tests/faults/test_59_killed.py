"""kill -9 at random points of ingest, delete, compaction, swap and migration: nothing acknowledged is lost,
nothing is there in part, the index has what the rows have."""

from __future__ import annotations

from pathlib import Path

from tests.durability.kills import kill

KILLS = 60


def test_sixty_kills_lose_nothing(tmp_path: Path) -> None:
    lives = kill(tmp_path, KILLS, seed=59)
    assert not lives.problems
    assert lives.ends["killed"] >= KILLS
    assert lives.uploads
