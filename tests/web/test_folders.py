"""Documents of a folder that `petra index` made searchable: their files open in the page, while they last."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from petra.cli.client import Client
from petra.cli.indexing import index
from tests.files import lecture_pdf
from tests.web.visit import write

CODE = ["def first():", "    return 1", "", "", "def zebra_crossing():", "    return 'striped'"]


@pytest.fixture
def folder(empty_server, tmp_path: Path) -> Path:
    root = tmp_path / "course"
    root.mkdir()
    lecture_pdf(root / "lecture.pdf", pages=3)
    write(root, "crossing.py", CODE)
    index(Client(empty_server.running), root)
    return root


def answers(page: Page, link: str) -> int:
    """The status of what a link of the page leads to."""
    address = page.get_by_role("link", name=link).get_attribute("href")
    return int(page.evaluate("address => fetch(address).then(answer => answer.status)", address))


def test_a_pdf_of_a_folder_is_shown_as_its_pages(empty_server, visit, folder: Path):
    one = visit(empty_server)
    one.row("lecture.pdf").get_by_role("link").click()
    picture = one.page.get_by_role("img", name="Page 1 of 3")
    expect(picture).to_be_visible()
    expect(picture).not_to_have_class("loading")
    assert picture.evaluate("picture => picture.naturalWidth") >= 400
    assert answers(one.page, "Open the PDF at page 1") == 200


def test_a_text_of_a_folder_is_shown_as_it_is_on_the_disk(empty_server, visit, folder: Path):
    one = visit(empty_server)
    one.row("crossing.py").get_by_role("link").click()
    expect(one.page.locator('.line[data-line="6"]')).to_have_text("6    return 'striped'")
    assert answers(one.page, "Open the file") == 200


@pytest.mark.parametrize("change", ["another file", "no file"])
def test_a_file_that_has_changed_is_said_and_nothing_leads_to_it(
    empty_server, visit, folder: Path, change: str
):
    for path in folder.iterdir():
        path.unlink()
        if change == "another file":
            path.write_text("something else")
    one = visit(empty_server)
    one.row("lecture.pdf").get_by_role("link").click()
    viewer = one.page.get_by_role("region", name="Document lecture.pdf")
    notice = viewer.get_by_role("status")
    expect(notice).to_contain_text("since it was indexed")
    expect(notice).to_contain_text("petra index")
    expect(viewer.get_by_text("Text of this page")).to_be_visible()
    expect(viewer.get_by_role("img")).to_have_count(0)
    expect(viewer.get_by_role("link")).to_have_count(0)
    one.page.get_by_role("button", name="Close the document").click()
    one.row("crossing.py").get_by_role("link").click()
    viewer = one.page.get_by_role("region", name="Document crossing.py")
    expect(viewer.get_by_role("status")).to_contain_text("since it was indexed")
    expect(viewer.locator('.line[data-line="6"]')).to_contain_text("striped")
    expect(viewer.get_by_role("link")).to_have_count(0)


def test_a_name_with_quotes_arrives_as_it_is(empty_server, visit):
    one = visit(empty_server)
    file = {"name": 'the "short" list.txt', "mimeType": "text/plain", "buffer": b"One umbrella is enough.\n"}
    one.page.get_by_label("Files to add").first.set_input_files(file)
    expect(one.row('the "short" list.txt')).to_contain_text("bytes")


@pytest.fixture
def twins(empty_server, tmp_path: Path) -> Path:
    """A folder with two files of one name."""
    root = tmp_path / "manuals"
    for part, animal in (("north", "walrus"), ("south", "penguin")):
        (root / part).mkdir(parents=True)
        write(root / part, "README.md", [f"The {animal} warden feeds the {animal} at seven."])
    index(Client(empty_server.running), root)
    return root


def test_two_files_of_one_name_can_be_told_apart(empty_server, visit, twins: Path, tmp_path: Path):
    one = visit(empty_server)
    one.add_and_wait(write(tmp_path, "other.txt", ["The zebra is fed at noon."]))
    expect(one.row("README.md")).to_have_count(2)
    expect(one.row("north/")).to_contain_text("README.md")
    turn = one.ask_and_wait("When does the penguin warden feed the penguin?")
    source = turn.locator(".source").first
    expect(source.get_by_role("link")).to_contain_text("south/README.md, line 1")
    expect(source).to_contain_text("In manuals")
    source.get_by_role("link").click()
    expect(one.page.get_by_role("region", name="Document README.md")).to_contain_text("manuals · south/")
    one.page.get_by_role("button", name="Close the document").click()
    one.page.get_by_label("Search in").select_option("manuals")


def test_a_file_of_a_folder_is_left_out_by_a_line_and_not_by_a_click(empty_server, visit, twins: Path):
    one = visit(empty_server)
    one.page.get_by_role("button", name="Leave out south/README.md").click()
    said = one.page.get_by_role("group", name="How to leave out README.md")
    expect(said).to_contain_text("removed here, the file would come back")
    line = said.locator("pre")
    expect(line).to_have_text("/south/README.md")
    (twins / ".petraignore").write_text(line.inner_text() + "\n")
    said.get_by_role("button", name="Close").click()
    index(Client(empty_server.running), twins)
    expect(one.row("south/")).to_have_count(0)
    expect(one.row("north/")).to_be_visible()


def test_a_folder_is_forgotten_after_a_question_and_its_files_stay(empty_server, visit, twins: Path):
    one = visit(empty_server)
    group = one.page.get_by_role("region", name="manuals")
    group.get_by_role("button", name="Forget the folder manuals").click()
    asked = group.get_by_role("group", name="Forget manuals?")
    expect(asked).to_contain_text("2 documents")
    expect(asked).to_contain_text("The files themselves stay.")
    expect(asked.get_by_role("button", name="Keep")).to_be_focused()
    asked.press("Escape")
    expect(one.row("README.md")).to_have_count(2)
    group.get_by_role("button", name="Forget the folder manuals").click()
    group.get_by_role("button", name="Forget", exact=True).click()
    expect(group).to_have_count(0)
    assert not [item for item in empty_server.request("GET", "/api/v1/collections") if item["folder"]]
    assert (twins / "south" / "README.md").is_file()


def test_uploads_are_removed_together(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    one.add_and_wait(write(tmp_path, "a.txt", ["One."]), write(tmp_path, "b.txt", ["Two."]))
    one.page.get_by_role("button", name="Remove all of Uploads").click()
    expect(one.page.get_by_role("group", name="Forget Uploads?")).to_contain_text("removed for good")
    one.page.get_by_role("button", name="Remove all", exact=True).click()
    expect(one.page.get_by_text("Nothing here yet.")).to_be_visible()
