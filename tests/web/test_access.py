from playwright.sync_api import expect

from tests.web.visit import Visit


def test_a_browser_without_the_key_is_told_how_to_get_it(chromium, stub_server):
    one = Visit.begin(chromium, stub_server)
    one.expected.append("401")
    one.expected.append("WebSocket")
    one.page.goto(stub_server.origin)
    expect(one.page.get_by_role("heading", name="This browser has no key yet")).to_be_visible()
    expect(one.page.locator("pre")).to_have_text("petra open")
    one.end()


def test_the_page_fits_every_window(empty_server, visit):
    one = visit(empty_server)
    for width in (360, 390, 768, 1024, 1280, 1920):
        one.page.set_viewport_size({"width": width, "height": 740})
        expect(one.page.get_by_label("Your question")).to_be_in_viewport(ratio=1)
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_everything_in_order(empty_server, visit):
    one = visit(empty_server)
    expect(one.page.get_by_label("Your question")).to_be_focused()
    expect(one.page.get_by_role("button", name="Choose files")).to_be_visible()
    names: list[str] = []
    while "Petra" not in names:
        one.page.keyboard.press("Shift+Tab")
        names.append(one.page.evaluate("document.activeElement.innerText").strip())
        assert len(names) < 100, names
    fixed = ["Choose files", "Add files", "New conversation", "Petra"]
    assert [name for name in names if name in fixed] == fixed
