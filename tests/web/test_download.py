"""A model that is still being fetched, as the page tells it."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.serving import Served, served

MODEL = "gemma-3-270m"
"""Of the catalogue, and none that a server fetches unasked."""


@pytest.fixture
def fetching(tmp_path: Path, stub_model: str):
    """A server that lacks its model, with the row of a job that would be fetching it."""
    settings = {"MODEL_PATH": MODEL, "EMBEDDING_MODEL": stub_model, "MODELS_DIR": str(tmp_path / "models")}
    with served(tmp_path / "data", **settings) as server:
        with closing(sqlite3.connect(server.data_dir / "petra.db")) as database:
            database.execute(
                "INSERT INTO jobs (kind, state, payload, done, total, unit, created_at, started_at, owner_id)"
                """ SELECT 'pull', 'downloading', '{"model": "gemma-3-270m"}', 40, 100, 'bytes', ?, ?, id"""
                " FROM users",
                (time.time(), time.time()),
            )
            database.commit()
        yield server


@pytest.mark.parametrize("width", [390, 1280])
def test_the_model_is_named_with_how_far_it_is(fetching: Served, visit, width: int):
    one = visit(fetching, viewport={"width": width, "height": 800})
    notice = one.page.get_by_role("main").get_by_role("status").filter(has_text=MODEL)
    expect(notice).to_contain_text(f"Downloading {MODEL} 40 %")
    expect(one.page.get_by_text("A model is missing")).to_have_count(0)
    if width < 860:
        one.page.get_by_role("button", name="Documents").click()
    panel = one.page.get_by_role("complementary")
    expect(panel.get_by_text(f"Downloading {MODEL} 40 %")).to_be_visible()
    expect(panel.get_by_role("progressbar")).to_have_attribute("value", "0.4")
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    one.end()
