"""Extraction children: what comes out of real files, and what no file can do to the server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from PIL import Image
from tokenizers import Tokenizer

from petra.errors import BadRequest, UnreadableDocument
from petra.knowledge.blocks import embedded_text
from petra.knowledge.extract.extractor import Extracted, Extractor
from petra.knowledge.extract.pdf import page_blocks
from petra.knowledge.extract.sniff import EmptyText, Text
from petra.knowledge.extract.text import read as read_text
from tests.files import lecture_page, lecture_pdf


async def test_each_page_of_a_lecture_becomes_a_chunk_with_its_title(
    extractor: Extractor, tmp_path: Path
) -> None:
    found = await extractor.extract(lecture_pdf(tmp_path / "lecture.pdf"), "lecture.pdf")
    assert (found.media_type, found.pages, found.notice) == ("application/pdf", 24, None)
    for number, chunk in enumerate(found.chunks, 1):
        page = lecture_page(number)
        assert (chunk.pages, chunk.header) == ((number, number), page.title)
        assert page.body in chunk.text
        assert "Spring Term" not in chunk.text, "running headers are left out"


async def test_chunks_fit_the_embedder(extractor: Extractor, tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.md"
    path.write_text("# Unicode\n\n" + "Größe, naïve façade — 漢字交じり文。 don't under_score 3.14! " * 300)
    chunks = (await extractor.extract(path, "long.md")).chunks
    model = Tokenizer.from_file(str(tokenizer))
    model.no_truncation()
    lengths = [len(model.encode(embedded_text(c.header, c.text), add_special_tokens=False)) for c in chunks]
    assert len(chunks) > 10
    assert max(lengths) <= 200
    assert min(lengths[:-1]) > 120


async def test_markdown_is_cut_at_headings(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\nIntro.\n\n## Setup\n\n```sh\n# no heading\n```\n\nUsage\n-----\nRun it.\n")
    chunks = (await extractor.extract(path, "notes.md")).chunks
    assert [(c.header, c.lines) for c in chunks] == [
        ("Notes", (1, 3)),
        ("Notes › Setup", (5, 9)),
        ("Notes › Usage", (11, 13)),
    ]


async def test_a_heading_may_be_closed_and_keeps_its_own_hash(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Programming in C#\n\nText.\n\n## Types ##  \n\nText.\n\n### ###\n\nText.\n")
    chunks = (await extractor.extract(path, "notes.md")).chunks
    assert [c.header for c in chunks] == [
        "Programming in C#",
        "Programming in C# › Types",
        "Programming in C# › Types › ",
    ]


async def test_source_lines_are_those_of_the_file(extractor: Extractor) -> None:
    path = Path(__file__)
    chunks = (await extractor.extract(path, path.name)).chunks
    lines = path.read_text().split("\n")
    for chunk in chunks:
        assert chunk.lines
        first, last = chunk.lines
        assert chunk.text == "\n".join(lines[first - 1 : last]).rstrip()


async def test_source_of_many_languages_is_read_in_one_go(extractor: Extractor, tmp_path: Path) -> None:
    texts = {
        "a.py": "class A:\n    def b(self): ...\n",
        "c.rs": "fn d() {}\n",
        "run": "#!/bin/sh\ne() { true; }\n",
        "f.m": "function g()\nend\n",
        "broken.js": "function h( {{{ \x0c é\n" * 3,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "nothing.py").touch()
    files = [(tmp_path / name, name) for name in (*texts, "nothing.py", "missing.py")]
    lecture = lecture_pdf(tmp_path / "lecture.pdf", pages=1)
    *found, nothing, missing, pdf = await extractor.extract_many([*files, (lecture, lecture.name)])
    assert isinstance(nothing, EmptyText) and isinstance(missing, UnreadableDocument)
    assert isinstance(pdf, Extracted) and pdf.pages == 1 and not pdf.symbols
    symbols = [[item.name for item in one.symbols] for one in found if isinstance(one, Extracted)]
    assert symbols[:4] == [["A", "b"], ["d"], ["e"], ["g"]]
    assert len(symbols) == len(texts)


async def test_a_file_that_ends_its_child_takes_no_other_with_it(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text("a b " * 4_000_000)
    (tmp_path / "small.py").write_text("x = 1\n")
    extractor = Extractor(tokenizer=tokenizer, chunk_size=200, chunk_overlap=0, memory=300 * 1024 * 1024)
    names = ("small.py", "big.txt", "small.py")
    first, big, last = await extractor.extract_many([(tmp_path / name, name) for name in names])
    await extractor.close()
    assert isinstance(big, UnreadableDocument)
    assert isinstance(first, Extracted) and first == last


def test_a_sentence_over_a_page_border_stays_whole_and_hyphens_go() -> None:
    first, second = page_blocks(["Locks\nA thread with a lock can make an exam-\nple wait", "for it. Next."])
    assert first.text == "Locks\nA thread with a lock can make an example wait for it."
    assert first.turn and first.text[first.turn :] == "for it."
    assert (second.text.strip(), second.page) == ("Next.", 2)


def test_a_pages_number_is_not_its_title() -> None:
    numbered, alone = page_blocks(["5\nUtilities\nThe parser reads a file with definitions.", "12"])
    assert (numbered.header, alone.header) == ("Utilities", "")


def test_unseen_characters_are_gone_and_ligatures_spelt_out() -> None:
    blocks = read_text(Text("o\ufb03ce\x00 \u202etxt\u202c \ufeffend\r\nnext", "text/plain"))
    assert blocks[0].text == "office txt end\nnext"


async def test_a_page_becomes_a_picture(extractor: Extractor, tmp_path: Path) -> None:
    path = lecture_pdf(tmp_path / "lecture.pdf", pages=2)
    target = tmp_path / "page.png"
    target.write_bytes(await extractor.render_page(path, "lecture.pdf", 2, 300))
    with Image.open(target) as picture:
        assert (picture.format, picture.width) == ("PNG", 300)
        assert len(picture.getcolors(1 << 20) or ()) > 2, "there is something on it"
    with pytest.raises(BadRequest, match="has no page 3"):
        await extractor.render_page(path, "lecture.pdf", 3, 300)


async def test_the_page_cap_is_stated(tokenizer: Path, tmp_path: Path) -> None:
    extractor = Extractor(tokenizer=tokenizer, chunk_size=200, chunk_overlap=0, page_limit=3)
    found = await extractor.extract(lecture_pdf(tmp_path / "lecture.pdf", pages=5), "lecture.pdf")
    await extractor.close()
    assert (found.pages, len(found.chunks)) == (5, 3)
    assert found.notice == "Only the first 3 of 5 pages were read"


async def test_a_child_that_takes_too_long_is_ended_and_the_next_file_is_read(
    tokenizer: Path, tmp_path: Path
) -> None:
    slow, quick = tmp_path / "slow.txt", tmp_path / "quick.txt"
    slow.write_text("word " * 4_000_000)
    quick.write_text("A short note.")
    extractor = Extractor(tokenizer=tokenizer, chunk_size=200, chunk_overlap=0, timeout=1.5)
    with pytest.raises(UnreadableDocument, match="took longer than 2 seconds"):
        await extractor.extract(slow, "slow.txt")
    assert [c.text for c in (await extractor.extract(quick, "quick.txt")).chunks] == ["A short note."]
    await extractor.close()


async def test_memory_is_limited(tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text("a b " * 4_000_000)
    extractor = Extractor(tokenizer=tokenizer, chunk_size=200, chunk_overlap=0, memory=300 * 1024 * 1024)
    with pytest.raises(UnreadableDocument, match="ran out of the memory"):
        await extractor.extract(path, "big.txt")
    await extractor.close()


async def test_cancelling_ends_the_child(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "slow.txt"
    path.write_text("word " * 4_000_000)
    running = asyncio.create_task(extractor.extract(path, "slow.txt"))
    await asyncio.sleep(0.5)
    start = time.perf_counter()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.perf_counter() - start < 1
