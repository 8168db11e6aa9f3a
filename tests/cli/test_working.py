from __future__ import annotations

from typing import Any

from petra.cli.status import describe
from petra.cli.working import newest_pull, open_jobs, progress


def job(**fields: Any) -> dict[str, Any]:
    given = {"id": 1, "kind": "pull", "state": "downloading", "model": "SmolLM2", "reason": None}
    return given | {"done": 0, "total": None, "unit": "", "eta_s": None} | fields


MISSING = {"state": "missing_model", "model": "SmolLM2", "remedy": "petra models pull SmolLM2"}


def test_progress_is_told_in_the_unit_that_people_use() -> None:
    assert progress(job(done=41, total=100, unit="bytes")) == "Downloading SmolLM2 41 %"
    assert progress(job()) == "Downloading SmolLM2"
    assert progress(job(state="verifying")) == "Checking SmolLM2"
    assert progress(job(state="queued")) == "Downloading SmolLM2: waiting"
    assert progress(job(kind="index", state="embedding", done=2, total=9, unit="files", eta_s=3.2)) == (
        "Reading a folder: 2 of 9 files, about 3 s left"
    )


def test_a_job_that_waits_says_for_what() -> None:
    waiting = job(
        kind="embed", state="embedding", done=1, total=4, unit="bytes", eta_s=9, waits_for="It is away."
    )
    assert progress(waiting) == "Learning what passages mean 25 %, waiting: It is away."
    assert progress(waiting | {"waits_for": None}) == "Learning what passages mean 25 %, about 9 s left"


def test_only_what_has_not_ended_is_listed_oldest_first() -> None:
    jobs = [job(id=9), job(id=8, state="ready"), job(id=3, kind="index")]
    assert [item["id"] for item in open_jobs(jobs)] == [3, 9]


def test_a_worker_whose_model_is_on_its_way_waits_for_it() -> None:
    assert describe(MISSING, None) == "missing_model (SmolLM2); petra models pull SmolLM2"
    assert describe(MISSING, newest_pull([job()], "SmolLM2")) == "waiting for its model (SmolLM2)"
    failed = [job(), job(id=2, state="failed", reason="No source has it.")]
    assert describe(MISSING, newest_pull(failed, "SmolLM2")) == "missing_model (SmolLM2); No source has it."
