"""A person at a shell, from the first question to the end of the server. The tests build on each other."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing

from petra import rendezvous
from tests.cli.conftest import Shell


def test_the_first_question_starts_the_server_and_indexes_the_folder(shell: Shell) -> None:
    asked = shell.run("ask", "What does a deadlock need?", "--in", "course", "--json")
    answer = json.loads(asked.stdout)
    assert "four conditions" in answer["answer"]
    assert answer["finish_reason"] == "stop"
    assert {"prompt_tokens", "completion_tokens", "ttft_ms"} <= set(answer["usage"])
    source = answer["sources"][0]
    assert source["kind"] in ("cited", "supported", "retrieved")
    assert source["document"] == "deadlock.md" and source["lines"] == [1, 1]
    assert {"quote", "score"} <= set(source)
    assert rendezvous.read(shell.data_dir)


def test_an_answer_for_people_is_plain_when_it_goes_to_a_file(shell: Shell) -> None:
    asked = shell.run("ask", "What does a deadlock need?", "--collection", "course")
    assert asked.stdout.startswith("A deadlock needs four conditions")
    assert "Sources:" in asked.stdout and "deadlock.md, line 1" in asked.stdout
    assert "\x1b" not in asked.stdout + asked.stderr


def test_one_file_of_a_folder_can_be_asked(shell: Shell) -> None:
    asked = shell.run("ask", "What does a deadlock need?", "--in", "course/paging.md", "--json")
    assert {source["document"] for source in json.loads(asked.stdout)["sources"]} == {"paging.md"}


def test_search(shell: Shell) -> None:
    found = json.loads(shell.run("search", "page table", "--in", "course", "-k", "1", "--json").stdout)
    assert [passage["document"] for passage in found["passages"]] == ["paging.md"]
    assert "paging.md, line 1" in shell.run("search", "page table", "--collection", "course").stdout


def test_index_says_what_it_left_out_and_why(shell: Shell) -> None:
    shown = shell.run("index", "course").stdout
    assert "course: 2 of 3 documents can be searched" in shown
    assert "left out: broken.pdf: " in shown and "damaged" in shown
    assert "Skipped 2 files: 1 empty (empty.md), 1 may hold secrets (.env)" in shown
    assert "Skipped 1 folder: 1 hidden (.git/)" in shown


def test_errors_say_what_why_and_what_to_do(shell: Shell) -> None:
    missing = shell.run("ask", "?", "--in", "nowhere", code=1)
    assert "nowhere" in missing.stderr and missing.stdout == ""
    broken = shell.run("ask", "?", "--in", "course/broken.pdf", code=1)
    assert "broken.pdf could not be read" in broken.stderr and "damaged" in broken.stderr
    unknown = shell.run("ask", "?", "--collection", "nowhere", "--json", code=1)
    assert json.loads(unknown.stdout)["error"]["code"] == "not_found"
    assert "petra index" in unknown.stderr


def test_odd_arguments_are_searched_for_or_refused(shell: Shell) -> None:
    for query in ("?" * 20_000, "進" * 20_000, os.fsdecode(b"caf\xe9"), "\U0001f998", "--", "-x\n"):
        shell.run("search", "--collection", "course", "--json", "--", query)
    assert "longer than 20000 characters" in shell.run("search", "?" * 20_001, code=1).stderr
    for arguments in (("index", ""), ("search", "x", "--in", ""), ("ask", "x", "--in", "")):
        assert "`.` for this folder" in shell.run(*arguments, code=2).stderr, arguments


def test_a_folder_without_documents_is_said_to_be_one(shell: Shell) -> None:
    (shell.folder / "photos").mkdir()
    (shell.folder / "photos" / "cat.png").write_bytes(b"\x89PNG")
    assert "Nothing in it is text" in shell.run("index", "photos").stdout


def test_ctrl_c_stops_the_answer_on_the_server(shell: Shell) -> None:
    (shell.folder / "long").mkdir()
    (shell.folder / "long" / "long.txt").write_text(" ".join(f"word{n}" for n in range(300)) + ".\n")
    shell.run("index", "long")
    asking = shell.start("ask", "word1 word2 word3?", "--collection", "long")
    assert asking.stdout and asking.stdout.read(1)
    asking.send_signal(signal.SIGINT)
    _, errors = asking.communicate(timeout=20)
    assert asking.returncode == 130
    assert "Traceback" not in errors
    from petra.cli.client import Client

    running = rendezvous.read(shell.data_dir)
    assert running
    client = Client(running)
    newest = client.get("/api/v1/conversations")[0]["id"]
    states = [message["state"] for message in client.get(f"/api/v1/conversations/{newest}")["messages"]]
    assert states == ["complete", "cancelled"]


def test_status_and_the_address_of_the_page(shell: Shell) -> None:
    shown = shell.run("status").stdout
    assert "is running" in shown and "collection course: 3 documents" in shown
    running = rendezvous.read(shell.data_dir)
    assert running
    assert shell.run("open", "--print").stdout.strip() == running.url
    # The log of a server that runs in the background is no place for the token.
    assert running.token not in (shell.data_dir / "server.log").read_text()


def test_status_says_how_far_a_download_is(shell: Shell) -> None:
    job = (
        "pull",
        "downloading",
        '{"model": "SmolLM2-135M-Instruct"}',
        40,
        100,
        "bytes",
        time.time(),
        time.time(),
    )
    with closing(sqlite3.connect(shell.data_dir / "petra.db")) as database:
        database.execute(
            "INSERT INTO jobs (kind, state, payload, done, total, unit, created_at, started_at, owner_id)"
            " SELECT ?, ?, ?, ?, ?, ?, ?, ?, id FROM users",
            job,
        )
        database.commit()
        try:
            assert "  Downloading SmolLM2-135M-Instruct 40 %" in shell.run("status").stdout
            (shown,) = json.loads(shell.run("status", "--json").stdout)["open_jobs"]
            assert (shown["model"], shown["done"], shown["total"]) == ("SmolLM2-135M-Instruct", 40, 100)
        finally:
            database.execute("DELETE FROM jobs WHERE kind = 'pull'")
            database.commit()


def test_another_version_is_refused(shell: Shell) -> None:
    path = shell.data_dir / "run.json"
    kept = path.read_text()
    path.write_text(json.dumps(json.loads(kept) | {"version": "9.9.9"}))
    refused = shell.run("search", "x", code=1)
    assert "9.9.9" in refused.stderr and "petra stop" in refused.stderr
    path.write_text(kept)


def test_a_killed_server_is_replaced_and_has_lost_nothing(shell: Shell) -> None:
    running = rendezvous.read(shell.data_dir)
    assert running
    os.kill(running.pid, signal.SIGKILL)
    found = json.loads(shell.run("search", "page table", "--collection", "course", "--json").stdout)
    assert found["passages"]
    started = rendezvous.read(shell.data_dir)
    assert started and started.pid != running.pid and started.token == running.token


def test_stop(shell: Shell) -> None:
    assert "has stopped" in shell.run("stop").stdout
    assert not rendezvous.is_locked(shell.data_dir)
    assert not (shell.data_dir / "run.json").exists()
    assert "not running" in shell.run("stop").stdout


def test_a_server_that_a_client_started_leaves_when_nobody_needs_it(shell: Shell) -> None:
    shell.environ["IDLE_EXIT"] = "1"
    shell.run("search", "page table")
    deadline = time.monotonic() + 20
    while rendezvous.is_locked(shell.data_dir):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not (shell.data_dir / "run.json").exists()


def test_serve_prints_the_address_and_takes_the_next_port(shell: Shell) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = shell.run("serve", "--port", str(port), code=1)
        assert str(port) in refused.stderr and "--port" in refused.stderr
    serving = shell.start("serve")
    assert serving.stdout
    lines = [serving.stdout.readline() for _ in range(2)]
    assert "/?token=" in lines[1]
    serving.send_signal(signal.SIGTERM)
    _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 0, errors
    assert not (shell.data_dir / "run.json").exists()
