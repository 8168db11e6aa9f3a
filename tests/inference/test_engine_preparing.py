"""From a request to work: what is refused before it is read, and what an answer is promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from petra.errors import BadRequest, TooLarge
from petra.inference.worker.engine import Generation, Message, Sampling
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.options import Limits
from petra.inference.worker.preparing import LONGEST_TOKEN, MOST_RESERVED, RESERVE, Preparation
from petra.inference.worker.work import Work
from tests.inference import gguf_files
from tests.inference.scheduler.stand_in import Chooser, StandIn

CONTEXT = 4096
LIMITS = Limits(tokens=3000)
Prepare = Callable[[Generation], list[Work]]


class Recording(StandIn):
    """`seeds` are those of the samplers that were asked for."""

    def __init__(self) -> None:
        super().__init__(context=CONTEXT)
        self.seeds: list[int | None] = []

    def sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Chooser:
        self.seeds.append(sampling.seed)
        return super().sampler(sampling, prompt)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaModel]:
    loaded = LlamaModel(gguf_files.echo(tmp_path_factory.mktemp("preparing") / "echo.gguf"))
    yield loaded
    loaded.close()


@pytest.fixture
def decoder() -> Recording:
    return Recording()


@pytest.fixture
def prepare(model: LlamaModel, decoder: Recording) -> Prepare:
    preparation = Preparation("echo", model, decoder, ["shout"], LIMITS, WorkerMetrics("echo"))
    return lambda request: preparation.works(request)[1]


@pytest.mark.parametrize(
    ("asked", "most", "reserve"),
    [(None, LIMITS.tokens, RESERVE), (20, 20, 20), (2000, 2000, MOST_RESERVED), (9999, 3000, MOST_RESERVED)],
)
def test_an_answer_may_be_longer_than_what_it_is_promised(
    prepare: Prepare, asked: int | None, most: int, reserve: int
) -> None:
    [work] = prepare(Generation(prompt="abc", max_tokens=asked))
    assert (work.most, work.reserve) == (most, reserve)


def test_neither_is_more_than_the_context_has_room_for(prepare: Prepare) -> None:
    [work] = prepare(Generation(prompt="x" * (CONTEXT - 101)))  # and its BOS
    assert (len(work.tokens), work.most, work.reserve) == (CONTEXT - 100, 100, 100)


def test_answers_to_one_request_have_one_ticket_and_seeds_of_their_own(
    prepare: Prepare, decoder: Recording
) -> None:
    works = prepare(Generation(prompt="abc", n=3, user="ann", sampling=Sampling(seed=7)))
    assert decoder.seeds == [7, 8, 9]
    assert len({work.listener.ticket for work in works}) == 1  # type: ignore[attr-defined]
    assert [work.owner for work in works] == ["ann"] * 3
    prepare(Generation(prompt="abc", n=2))
    assert decoder.seeds[3:] == [None, None]


def test_only_what_comes_before_the_first_message_of_ones_own_is_public(prepare: Prepare) -> None:
    messages = (Message("system", "the course"), Message("user", "mine"))
    [own] = prepare(Generation(messages=messages))
    [shared] = prepare(Generation(messages=messages, public_messages=1))
    [other] = prepare(
        Generation(messages=(messages[0], Message("user", "hers")), public_messages=1, user="bob")
    )
    assert own.public == 0 and len("the course") < shared.public < len(shared.tokens) - len("mine")
    assert shared.tokens[: shared.public] == other.tokens[: other.public]


def test_what_is_far_too_long_is_refused_before_it_is_tokenised(
    prepare: Prepare, model: LlamaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tokenize(text: str, special: bool = False) -> list[int]:
        raise AssertionError("a minute's work")

    monkeypatch.setattr(model, "tokenize", tokenize)
    half = "x" * (LONGEST_TOKEN * CONTEXT // 2 + 1)
    for request in (
        Generation(messages=(Message("user", half), Message("assistant", half))),
        Generation(prompt=half, suffix=half),
    ):
        with pytest.raises(TooLarge, match="far too long") as refused:
            prepare(request)
        assert str(2 * len(half)) in refused.value.cause and str(CONTEXT) in refused.value.cause


def test_an_adapter_that_is_not_there_is_refused(prepare: Prepare) -> None:
    assert prepare(Generation(prompt="a", adapter="shout"))[0].adapter == "shout"
    with pytest.raises(BadRequest, match="no adapter whisper"):
        prepare(Generation(prompt="a", adapter="whisper"))
