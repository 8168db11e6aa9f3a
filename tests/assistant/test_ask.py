"""The ask flow on the real models, over the course files."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.serving import Served, environment, petra

COURSE = Path(__file__).parents[1] / "course"
QUESTION = "On which port must the chat server listen?"
KINDS = {"cited", "supported", "retrieved"}


def ask(server: Served, *arguments: str) -> dict:
    """`petra ask … --json`, as a person types it."""
    done = subprocess.run(
        petra("ask", *arguments, "--json", "--data-dir", str(server.data_dir)),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def answer(real_server) -> dict:
    subprocess.run(
        petra("index", str(COURSE), "--data-dir", str(real_server.data_dir)),
        check=True,
        capture_output=True,
        env=environment(),
    )
    real_server.wait_until_embedded()
    return ask(real_server, QUESTION, "--in", str(COURSE))


def test_an_answer_comes_with_sources_and_its_cost(answer):
    assert "6230" in answer["answer"]
    assert answer["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 50
    assert usage["completion_tokens"] > 5
    assert 0 < usage["ttft_ms"] <= usage["total_ms"]


def test_every_source_resolves_to_a_place_in_a_document(answer):
    assert answer["sources"]
    for source in answer["sources"]:
        assert source["kind"] in KINDS
        assert ("pages" in source) != ("lines" in source)
        if "lines" in source:
            first, last = source["lines"]
            text = (COURSE / source["path"]).read_text().splitlines()[first - 1 : last]
            assert " ".join(source["quote"].split())[:60] in " ".join(" ".join(text).split())


def test_a_sentence_that_the_passage_says_is_supported(answer):
    best = [source for source in answer["sources"] if source["kind"] != "retrieved"]
    assert any(source["path"] == "assignment-3-chat-server.md" for source in best)


def test_what_is_recorded_is_what_was_shown(real_server, answer):
    conversation = real_server.request("GET", f"/api/v1/conversations/{answer['conversation_id']}")
    question, recorded = conversation["messages"]
    assert question["content"] == QUESTION
    assert recorded["content"] == answer["answer"]
    assert recorded["state"] == "complete"
    assert [source["n"] for source in recorded["sources"]] == [s["n"] for s in answer["sources"]]


def test_nothing_relevant_is_said_plainly_and_costs_no_model(real_server, answer):
    nothing = ask(real_server, "Which wine goes with grilled octopus?", "--in", str(COURSE))
    assert nothing["finish_reason"] == "nothing_found"
    assert "nothing" in nothing["answer"]
    assert nothing["sources"] == []
    assert "usage" not in nothing or nothing["usage"] is None


def test_a_follow_up_goes_on_in_the_same_conversation(real_server, answer):
    follow_up = real_server.request(
        "POST",
        "/api/v1/ask",
        {
            "question": "How many clients must it serve?",
            "conversation_id": answer["conversation_id"],
            "max_tokens": 32,
        },
    )
    assert follow_up["conversation_id"] == answer["conversation_id"]
    conversation = real_server.request("GET", f"/api/v1/conversations/{answer['conversation_id']}")
    assert [message["role"] for message in conversation["messages"]] == ["user", "assistant"] * 2
