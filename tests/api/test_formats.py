"""A Word document and a deck, as a student uploads them: asked about, and the sources say where."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.cli.show import place
from petra.knowledge.extract import sniff
from tests import office
from tests.api.rig import rig


async def test_a_deck_is_asked_about_and_the_source_names_the_slide(tmp_path: Path) -> None:
    slides = [
        (office.shape([f"Topic {n}"], "title") + office.shape([f"Nothing about {n}."]), "") for n in range(6)
    ]
    facts = office.shape(["Replacement"], "title") + office.shape(["The clock hand gives a second chance."])
    deck = office.pptx(tmp_path / "week 5.pptx", [*slides, (facts, "Belady found an anomaly.")])
    async with rig() as petra:
        sent = await petra.upload("week 5.pptx", deck.read_bytes())
        assert (sent["state"], sent["media_type"]) == ("ready", sniff.PPTX)
        answer = await petra.post("/api/v1/ask", {"question": "What does the clock hand give?"})
        source = answer["sources"][0]
        assert source["kind"] == "cited" and "second chance" in source["quote"]
        assert (source["unit"], source["pages"], source["header"]) == ("slide", [7, 7], "Replacement")
        assert place(source) == ", slide 7"
        at = f"/api/v1/documents/{sent['document_id']}"
        document = await petra.get(at)
        assert (document["unit"], document["pages"]) == ("slide", 7)
        assert "Belady found an anomaly." in (await petra.get(f"{at}/text?page=7"))["text"]
        await petra.get(f"{at}/pages/7.png", status=404)
        found = await petra.get("/api/v1/search", params={"q": "clock hand", "k": "1"})
        assert found["passages"][0]["unit"] == "slide"


async def test_a_word_document_is_asked_about_and_saved_again(tmp_path: Path) -> None:
    body = (
        office.paragraph("Rules", "berschrift1")
        + office.paragraph("Work alone.")
        + office.paragraph("Deadlines", "berschrift1")
        + office.paragraph("A late submission loses ten points a day.")
    )
    content = office.docx(tmp_path / "rules.docx", body).read_bytes()
    async with rig() as petra:
        sent = await petra.upload("rules.docx", content)
        answer = await petra.post("/api/v1/ask", {"question": "What does a late submission lose?"})
        source = answer["sources"][0]
        assert "ten points" in source["quote"]
        assert (source["unit"], source["pages"], source["header"]) == ("part", [2, 2], "Deadlines")
        async with petra.http.get(f"/api/v1/documents/{sent['document_id']}/file") as response:
            assert await response.read() == content
            assert response.content_type == sniff.DOCX
            assert response.headers["Content-Disposition"].startswith("attachment")


async def test_a_deck_under_a_wrong_name_still_has_slides(tmp_path: Path) -> None:
    deck = office.pptx(tmp_path / "deck.pptx", [(office.shape(["The kernel is called Marlin."]), "")])
    async with rig() as petra:
        sent = await petra.upload("notes.docx", deck.read_bytes())
        document = await petra.get(f"/api/v1/documents/{sent['document_id']}")
        assert (document["media_type"], document["unit"]) == (sniff.PPTX, "slide")


@pytest.mark.parametrize(("name", "unit"), [("lab.ipynb", "cell"), ("page.html", "part"), ("run.csv", None)])
async def test_other_units(tmp_path: Path, name: str, unit: str | None) -> None:
    contents = {
        "lab.ipynb": '{"cells": [{"cell_type": "code", "source": "frames = 64"}], "nbformat": 4}',
        "page.html": f"<h1>Frames</h1><p>{'There are 64 frames. ' * 20}",
        "run.csv": "policy,frames\nlru,64\nfifo,32\n",
    }
    async with rig() as petra:
        await petra.upload(name, contents[name].encode())
        (passage, *_) = (await petra.get("/api/v1/search", params={"q": "frames", "k": "1"}))["passages"]
        assert (passage["unit"], bool(passage["pages"]), bool(passage["lines"])) == (
            unit,
            unit is not None,
            unit is None,
        )
