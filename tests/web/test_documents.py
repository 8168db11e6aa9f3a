import re
from pathlib import Path

from playwright.sync_api import expect

from tests.files import lecture_pdf, truncated_pdf
from tests.web.visit import write


def test_a_new_user_is_told_what_to_do(empty_server, visit):
    page = visit(empty_server).page
    expect(page.get_by_role("heading", name="Ask your own files")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Drop a lecture, notes or code anywhere on this page")


def test_a_question_before_the_first_file_waits_in_the_box(empty_server, visit):
    page = visit(empty_server).page
    expect(page.get_by_role("heading", name="Ask your own files")).to_be_visible()
    box = page.get_by_label("Your question")
    box.fill("What is a quantum?")
    box.press("Enter")
    expect(page.get_by_text("There is nothing to answer from yet")).to_be_visible()
    expect(box).to_have_value("What is a quantum?")
    expect(page.locator(".turn")).to_have_count(0)


def test_files_become_documents_or_say_why_not(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    notes = write(tmp_path, "notes.md", ["# Notes", "", "The quantum is 12 milliseconds."])
    broken = truncated_pdf(tmp_path / "broken.pdf")
    one.add(notes, lecture_pdf(tmp_path / "lecture.pdf"), broken)
    expect(one.row("lecture.pdf")).to_contain_text("24 pages", timeout=30_000)
    expect(one.row("notes.md")).to_contain_text("bytes")
    failed = one.row("broken.pdf")
    expect(failed).to_have_class(re.compile("failed"))
    expect(failed).to_contain_text("Not added.")


def test_dropped_files_are_added_and_a_folder_is_explained(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    dropped = one.page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["The lab is in room K-217.\\n"], "dropped.txt"));
            return transfer;
        }"""
    )
    one.page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
    expect(one.page.get_by_text("Drop to add")).to_be_visible()
    one.page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    expect(one.row("dropped.txt")).to_have_class(re.compile("ready"))


def test_removing_asks_first(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    one.add_and_wait(write(tmp_path, "old.txt", ["The old rule is void."]))
    one.page.get_by_role("button", name="Remove old.txt").click()
    expect(one.page.get_by_role("button", name="Keep")).to_be_focused()
    one.page.get_by_role("button", name="Keep").click()
    expect(one.row("old.txt")).to_be_visible()
    one.page.get_by_role("button", name="Remove old.txt").click()
    one.page.get_by_role("button", name="Remove", exact=True).click()
    expect(one.row("old.txt")).to_have_count(0)


def test_an_empty_file_is_refused_with_a_reason(empty_server, visit, tmp_path: Path):
    one = visit(empty_server)
    (tmp_path / "empty.txt").touch()
    one.add(tmp_path / "empty.txt")
    row = one.row("empty.txt")
    expect(row).to_have_class(re.compile("failed"))
    expect(row.locator(".state")).not_to_be_empty()
