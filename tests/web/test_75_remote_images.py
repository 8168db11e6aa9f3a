"""FAULTS row 75: a document with a remote image or a reference link makes no request leave the browser."""

from pathlib import Path

from playwright.sync_api import expect

from tests.web.visit import write

IMAGE = "The tracker pixel is ![x](http://evil.example/pixel.png) and [y](http://evil.example/) and <img src=http://evil.example/z.png>."


def test_no_request_leaves_the_browser(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    lines = [IMAGE, "", "![x][1]", "", "[1]: http://evil.example/reference.png"]
    one.add_and_wait(write(tmp_path, "tracker.md", lines))
    turn = one.ask_and_wait("What is the tracker pixel?")
    expect(turn.locator(".answer")).to_contain_text("![x](http://evil.example/pixel.png)")
    expect(turn.locator(".answer a:not(.cite), img")).to_have_count(0)
    one.row("tracker.md").get_by_role("link").click()
    expect(one.page.locator(".lines")).to_contain_text("reference.png")
    # `visit` fails when any address outside the server was asked for.
