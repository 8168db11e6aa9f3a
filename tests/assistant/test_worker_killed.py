"""Row 53, seen from a person's side: the model dies in the middle of an answer."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.serving import Served, environment, petra

COURSE = Path(__file__).parents[1] / "course"


@pytest.fixture(scope="module")
def indexed(real_server) -> Served:
    subprocess.run(
        petra("index", str(COURSE), "--data-dir", str(real_server.data_dir)),
        env=environment(),
        check=True,
        capture_output=True,
        timeout=120,
    )
    return real_server


def parts_of(server: Served, question: str):
    """The parts of an answer, as they come over HTTP."""
    request = urllib.request.Request(
        server.origin + "/api/v1/ask",
        data=json.dumps({"question": question}).encode(),
        headers={
            "Authorization": f"Bearer {server.running.token}",
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        for line in response:
            if line.startswith(b"data:"):
                yield json.loads(line[5:])


def test_the_text_so_far_is_kept_the_reader_is_told_and_the_next_question_is_answered(indexed):
    text, error, done, killed = "", None, None, False
    for item in parts_of(indexed, "Explain page tables, the TLB and page faults at length."):
        part = item["part"]
        if part["kind"] == "text":
            text += part["text"]
            if not killed:
                status = indexed.request("GET", "/api/v1/status")
                os.kill(status["workers"]["chat"]["pid"], signal.SIGKILL)
                killed = True
        error = part["error"] if part["kind"] == "error" else error
        done = part if part["kind"] == "done" else done
    assert text
    assert error["code"] == "model_unavailable"
    assert error["remedy"]
    assert done["finish_reason"] == "interrupted"

    conversation = indexed.request("GET", f"/api/v1/conversations/{done['conversation_id']}")
    kept = conversation["messages"][-1]
    assert (kept["content"], kept["state"]) == (text, "interrupted")

    started = time.monotonic()
    answer = indexed.request("POST", "/api/v1/ask", {"question": "What does the TLB do?", "max_tokens": 24})
    assert answer["finish_reason"] in ("stop", "length"), answer
    assert time.monotonic() - started < 90
