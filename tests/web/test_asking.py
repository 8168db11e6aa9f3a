import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.inference import gguf_files
from tests.restarting import AGAIN, killed_and_held
from tests.serving import served
from tests.web.visit import write

UMBRELLAS = "The umbrella policy allows three umbrellas."
WORDS = [f"word{i}" for i in range(60)]
LONG = f"The zebra crossing rule {' '.join(WORDS)}."


@pytest.fixture
def notes(tmp_path: Path) -> tuple[Path, Path]:
    """Two files, so that each question has a best passage of its own."""
    return write(tmp_path, "umbrellas.txt", [UMBRELLAS]), write(tmp_path, "zebras.txt", [LONG])


def test_an_answer_streams_and_shows_its_checked_source(empty_server, visit, notes):
    one = visit(empty_server)
    one.add_and_wait(*notes)
    turn = one.ask_and_wait("How many umbrellas does the umbrella policy allow?")
    expect(turn.locator(".answer")).to_contain_text("allows three umbrellas")
    expect(turn.locator(".answer")).to_have_attribute("aria-busy", "false")
    card = turn.locator(".source").first
    expect(card).to_contain_text(re.compile("Cited|Supports"))
    expect(card).to_contain_text("Petra")  # the kind is explained in words, not by colour alone
    turn.locator(".cite").first.click()
    expect(one.page).to_have_url(re.compile(r"#/documents/\w+\?lines=\d+-\d+$"))


def test_stop_keeps_the_text_so_far(empty_server, visit, notes):
    one = visit(empty_server)
    one.add_and_wait(*notes)
    turn = one.ask("What is the zebra crossing rule?")
    expect(turn.locator(".answer")).to_contain_text("word1")
    one.page.get_by_role("button", name="Stop").click()
    expect(turn).to_contain_text("You stopped this answer")
    expect(turn.locator(".answer")).not_to_contain_text("word59")
    expect(one.page.get_by_role("button", name="Ask again")).to_be_visible()


def test_a_reload_in_the_middle_loses_nothing(empty_server, visit, notes):
    one = visit(empty_server)
    one.add_and_wait(*notes)
    turn = one.ask("What is the zebra crossing rule?")
    expect(turn.locator(".answer")).to_contain_text("word5")
    one.page.reload()
    turn = one.page.locator(".turn")
    expect(turn.locator("h2")).to_have_text("What is the zebra crossing rule?")
    expect(turn.locator(".usage")).to_be_visible()
    assert re.findall(r"word\d+", turn.locator(".answer").inner_text()) == WORDS


def test_a_lost_connection_is_taken_up_where_it_was(empty_server, visit, notes):
    one = visit(empty_server)
    sockets = []
    one.page.route_web_socket("**/ws", lambda socket: sockets.append((socket, socket.connect_to_server())))
    one.page.reload()
    one.add_and_wait(*notes)
    turn = one.ask("What is the zebra crossing rule?")
    expect(turn.locator(".answer")).to_contain_text("word5")
    for end in sockets[-1]:
        end.close()
    expect(turn.locator(".usage")).to_be_visible()
    assert len(sockets) > 1
    assert re.findall(r"word\d+", turn.locator(".answer").inner_text()) == WORDS


def test_a_conversation_goes_on_and_can_be_found_again(empty_server, visit, notes):
    one = visit(empty_server)
    one.add_and_wait(*notes)
    one.ask_and_wait("How many umbrellas are allowed?")
    one.ask_and_wait("And what is the umbrella policy?")
    expect(one.page.locator(".turn")).to_have_count(2)
    one.page.get_by_role("button", name="New conversation").click()
    expect(one.page.locator(".turn")).to_have_count(0)
    one.page.get_by_role("button", name="How many umbrellas are allowed?").first.click()
    expect(one.page.locator(".turn")).to_have_count(2)
    expect(one.page.locator(".turn").last).to_contain_text("three umbrellas")


def test_shift_enter_begins_a_line(empty_server, visit):
    box = visit(empty_server).page.get_by_label("Your question")
    box.fill("one")
    box.press("Shift+Enter")
    box.type("two")
    expect(box).to_have_value("one\ntwo")


def test_a_model_that_is_away_is_said_with_a_remedy(chromium, visit, notes, tmp_path: Path, stub_model):
    settings = {"MODEL_PATH": f"unix:{tmp_path / 'nobody'}", "EMBEDDING_MODEL": stub_model}
    with served(tmp_path / "data", RERANK_THRESHOLD="-1", **settings) as server:
        one = visit(server)
        one.add_and_wait(*notes)
        turn = one.ask("How many umbrellas are allowed?")
        alert = turn.get_by_role("alert")
        expect(alert).to_be_visible(timeout=30_000)
        assert len(alert.locator("p").all()) >= 2, "what happened, and what to do"
        expect(turn.get_by_role("button", name="Ask again")).to_be_visible()
        reason = alert.inner_text()
        one.page.reload()
        expect(one.page.locator(".turn").get_by_role("alert")).to_have_text(reason, use_inner_text=True)
        expect(one.page.locator(".turn").get_by_role("button", name="Ask again")).to_be_visible()
        one.end()


def test_a_model_that_is_started_again_is_said_and_then_answers(visit, notes, tmp_path: Path, stub_model):
    model = gguf_files.echo(tmp_path / "echo.gguf")
    settings = {"MODEL_PATH": str(model), "EMBEDDING_MODEL": stub_model, "RERANK_THRESHOLD": "-1"}
    with served(tmp_path / "data", **settings) as server:
        server.wait_until_ready()
        one = visit(server)
        one.add_and_wait(notes[0])
        again = killed_and_held(lambda: server.request("GET", "/api/v1/status")["workers"]["chat"])
        try:
            turn = one.ask("How many umbrellas are allowed?")
            expect(turn.get_by_role("status")).to_have_text(AGAIN)
        finally:
            os.kill(again, signal.SIGCONT)
        expect(turn.locator(".usage")).to_be_visible()
        one.end()


def test_a_server_that_ends_in_an_answer_is_said_with_a_remedy(visit, notes, tmp_path: Path, stub_model):
    settings = {"MODEL_PATH": stub_model, "EMBEDDING_MODEL": stub_model, "RERANK_THRESHOLD": "-1"}
    with served(tmp_path / "data", **settings) as server:
        one = visit(server)
        one.expected += ["Failed to load resource", "WebSocket connection"]
        one.add_and_wait(notes[1])
        turn = one.ask("What is the zebra crossing rule?")
        expect(turn.locator(".answer")).to_contain_text("word1")
        server.process.kill()
        expect(turn.get_by_role("status")).to_contain_text("Connecting again")
        said = one.page.locator(".notice").filter(has_text="Petra is not answering")
        expect(said).to_contain_text("petra serve", timeout=30_000)
        one.end()
