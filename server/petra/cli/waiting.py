"""Waiting for a job of the server, with its progress on stderr."""

from __future__ import annotations

import sys
import time
from typing import Any

from petra.cli.client import Client
from petra.cli.show import Progress, line
from petra.cli.working import ENDED, progress
from petra.errors import Cancelled, PetraError


def finished(client: Client, job_id: int, failed: str) -> dict[str, Any]:
    """The job once it is ready; Ctrl-C cancels it. Raises PetraError, which begins with `failed`, with the
    reason when it fails, and Cancelled when somebody stopped it."""
    shown = Progress()
    pause = 0.02
    try:
        while True:
            job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}")
            if job["state"] == "failed":
                raise PetraError(failed, cause=job["reason"] or "")
            if job["state"] == "cancelled":
                raise Cancelled(failed, cause=_why(job["reason"]))
            if job["state"] in ENDED:
                return job
            shown.show(progress(job))
            time.sleep(pause)
            pause = min(pause * 1.5, 0.3)
    except KeyboardInterrupt:
        shown.clear()
        client.post(f"/api/v1/jobs/{job_id}/cancel")
        line("Stopped. What was done so far is kept; the same command goes on there", to=sys.stderr)
        raise
    finally:
        shown.clear()


def _why(reason: str | None) -> str:
    return reason if reason and reason != "Cancelled" else "It was cancelled"
