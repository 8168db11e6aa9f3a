import pytest
from playwright.sync_api import expect

from tests.web.visit import Visit


def test_a_browser_without_the_key_is_told_how_to_get_it(chromium, stub_server):
    one = Visit.begin(chromium, stub_server)
    one.expected.append("401")
    one.expected.append("WebSocket")
    one.page.goto(stub_server.origin)
    expect(one.page.get_by_role("heading", name="This browser has no key yet")).to_be_visible()
    expect(one.page.locator("pre")).to_have_text("petra open")
    one.context.close()
    one.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_fits_every_window(empty_server, visit, width, scheme):
    one = visit(empty_server, viewport={"width": width, "height": 740}, color_scheme=scheme)
    expect(one.page.get_by_label("Your question")).to_be_in_viewport(ratio=1)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_everything_in_order(empty_server, visit):
    one = visit(empty_server)
    expect(one.page.get_by_label("Your question")).to_be_focused()
    names = []
    one.page.evaluate("document.activeElement.blur(); document.body.focus()")
    for _ in range(5):
        one.page.keyboard.press("Tab")
        names.append(one.page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    assert [name.strip() for name in names] == [
        "Petra",
        "New conversation",
        "Add files",
        "Choose files",
        "question",
    ]
