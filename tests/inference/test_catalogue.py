import re
from pathlib import Path

import pytest

from petra.errors import NotFound
from petra.inference import catalogue
from petra.inference.catalogue import DistilSource, HubSource, PipSource, find

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_page_shows_the_catalogue_as_it_is() -> None:
    assert catalogue.table() in PAGE.read_text(encoding="utf-8"), (
        "replace the table by the output of python -m petra.inference.catalogue"
    )


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.name)
def test_every_file_has_a_checksum_and_every_source_is_fixed(entry: catalogue.ModelEntry) -> None:
    # What is computed here has none of its own, but the model that it is computed out of has.
    made = [find(source.model) for source in entry.sources if isinstance(source, DistilSource)]
    for file in entry.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256 or "") or made
        assert file.size > 0
        assert not Path(file.path).is_absolute() and ".." not in Path(file.path).parts
    for source in entry.sources:
        if isinstance(source, HubSource):
            assert re.fullmatch("[0-9a-f]{40}", source.revision)
        elif isinstance(source, PipSource):
            assert all("==" in requirement for requirement in source.requirements)
            assert not source.members or len(entry.files) == 1


def test_one_default_for_answers_and_two_for_search_by_and_by() -> None:
    assert [entry.kind for entry in catalogue.defaults()] == ["chat", "embed", "embed"]


def test_an_unknown_name_gets_the_nearest() -> None:
    assert catalogue.find("smollm2-135m-instruct").name == "SmolLM2-135M-Instruct"
    with pytest.raises(NotFound, match=r"Qwen2\.5-Coder-7B-Instruct"):
        catalogue.find("Qwen2.5-Coder-7B")
