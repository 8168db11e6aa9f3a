import re
from pathlib import Path

from playwright.sync_api import expect

from tests.files import LECTURE, lecture_pdf
from tests.web.visit import write

CODE = ["def first():", "    return 1", "", "", "def zebra_crossing():", "    return 'striped'", ""] + [
    f"value_{i} = {i}" for i in range(300)
]


def document_id(server, name: str) -> str:
    return next(one["id"] for one in server.request("GET", "/api/v1/documents") if one["name"] == name)


def test_a_link_opens_the_right_page_in_a_tab_of_its_own(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    one.add_and_wait(lecture_pdf(tmp_path / "lecture.pdf"))
    address = f"{one.origin}/#/documents/{document_id(empty_server, 'lecture.pdf')}?page=7"
    tab = one.context.new_page()
    tab.goto(address)
    expect(tab.get_by_label("Page", exact=True)).to_have_value("7")
    expect(tab.get_by_role("img", name="Page 7 of 24")).to_be_visible()
    expect(tab.get_by_label("Document lecture.pdf")).to_contain_text(LECTURE[6].title)
    expect(tab.get_by_role("link", name="Open the PDF at page 7")).to_have_attribute(
        "href", re.compile(r"/file#page=7$")
    )


def test_pages_turn_by_button_key_and_number(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    one.add_and_wait(lecture_pdf(tmp_path / "lecture.pdf"))
    one.row("lecture.pdf").get_by_role("link").click()
    number = one.page.get_by_label("Page", exact=True)
    expect(number).to_have_value("1")
    expect(one.page.get_by_role("button", name="Previous page")).to_be_disabled()
    one.page.get_by_role("button", name="Next page").click()
    expect(number).to_have_value("2")
    one.page.get_by_role("group", name="Page 2 of 24").press("ArrowRight")
    expect(number).to_have_value("3")
    number.fill("24")
    number.press("Enter")
    expect(one.page.get_by_role("img", name="Page 24 of 24")).to_be_visible()
    one.page.go_back()
    expect(number).to_have_value("3")
    one.page.keyboard.press("Escape")


def test_cited_lines_are_marked_exactly(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    one.add_and_wait(write(tmp_path, "crossing.py", CODE))
    one.page.goto(f"{one.origin}/#/documents/{document_id(empty_server, 'crossing.py')}?lines=5-6")
    expect(one.page.locator(".line.marked")).to_have_count(2)
    expect(one.page.locator('.line[data-line="5"]')).to_have_text("5def zebra_crossing():")
    expect(one.page.locator('.line[data-line="6"] mark')).to_have_text("    return 'striped'")
    one.page.get_by_role("button", name="Show later lines").click()
    expect(one.page.locator('.line[data-line="307"]')).to_contain_text("value_299")


def test_a_document_that_is_gone_is_said(empty_server, visit):
    one = visit(empty_server)
    one.expected.append("404")
    one.page.goto(f"{one.origin}/#/documents/{'0' * 32}?page=3")
    expect(one.page.get_by_role("alert")).to_contain_text("There is no such document")


def test_on_a_phone_one_thing_is_shown_at_a_time(empty_server, visit, tmp_path: Path):
    one = visit(empty_server, viewport={"width": 390, "height": 844}, has_touch=True)
    one.add(write(tmp_path, "crossing.py", CODE))
    box = one.page.get_by_label("Your question")
    one.page.get_by_role("button", name="Documents (1)").click()
    expect(box).not_to_be_visible()
    one.row("crossing.py").get_by_role("link").click()
    expect(one.page.get_by_role("region", name="Document crossing.py")).to_be_visible()
    expect(one.row("crossing.py")).not_to_be_visible()
    one.page.get_by_role("button", name="Close the document").click()
    expect(box).to_be_visible()
