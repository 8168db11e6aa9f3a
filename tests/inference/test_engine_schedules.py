"""Random schedules over llama.cpp itself: the batcher, the cache and a model that says exactly what it
read 60 tokens before. A copy of another sequence, a cut too many or a state restored into the wrong place
shows as another token."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from petra.inference.worker.batcher import Batcher, Options
from petra.inference.worker.engine import Sampling
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.work import Work
from tests.inference import gguf_files
from tests.inference.readers import Reader

BACK = 60
LETTERS = [len(gguf_files.SPECIAL) + byte for byte in b"abcdefghijklmnopqrstuvwxyz"]
CASE = 32
COURSE = [LETTERS[(3 * n) % 26] for n in range(90)]


def expected(prompt: Sequence[int], most: int, adapter: str | None) -> list[int]:
    """What the model says; the adapter's letters are the other case."""
    tokens = list(prompt)
    for _ in range(most):
        heard = tokens[-BACK]
        if adapter:
            heard += CASE if heard < LETTERS[0] else -CASE
        tokens.append(heard)
    return tokens[len(prompt) :]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("schedules")
    return gguf_files.echo(folder / "echo.gguf", back=BACK), gguf_files.shout(folder / "shout.gguf")


@pytest.fixture(params=["unified", "unified, flash attention", "split"])
def decoder(request: pytest.FixtureRequest, files: tuple[Path, Path]) -> Iterator[LlamaContext]:
    """Room for about three of six answers at once."""
    unified = request.param != "split"
    model = LlamaModel(files[0])
    options = ContextOptions(
        cells=1024 if unified else 256 * 10,
        context=256,
        sequences=10,
        threads=1,
        batch=128,
        flash_attention="flash" in request.param,
        unified=unified,
    )
    context = LlamaContext(model, options, {"shout": files[1]})
    yield context
    context.close()
    model.close()


@pytest.mark.parametrize("seed", range(2))
def test_every_token_is_the_one_it_would_be_alone(decoder: LlamaContext, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    options = Options(places=6, per_person=3, park_bytes=1 << 20)
    batcher = Batcher(decoder, options)
    done: list[tuple[Work, Reader]] = []
    for _ in range(120):
        for _ in range(chance.randrange(3)):
            done.append(submit(batcher, decoder, chance, done))
        for _ in range(chance.randrange(12)):
            batcher.step()
        for _, reader in done:
            reader.gone = reader.gone or (reader.reason is None and chance.random() < 0.004)
    for _ in range(5000):
        if batcher.idle:
            break
        batcher.step()
    assert batcher.idle and len(done) > 80
    for work, reader in done:
        whole = expected(work.tokens, work.most, work.adapter)
        assert reader.error is None
        assert reader.said_tokens == (whole[: len(reader.said_tokens)] if reader.gone else whole)
    assert sum(reader.reused or 0 for _, reader in done) > 2000, "hardly anything was shared"


def submit(
    batcher: Batcher, decoder: LlamaContext, chance: random.Random, done: Sequence[tuple[Work, Reader]]
) -> tuple[Work, Reader]:
    """A request of somebody's: about the course, or anything, or a follow-up."""
    owner = chance.choice([None, "ann", "bob", "eve"])
    own = chance.choices(LETTERS, k=chance.randrange(BACK, 120))
    public = chance.choice([0, 0, 40, 90])
    prompt = COURSE[: max(public, chance.choice([0, 30]))] + own
    if done and chance.random() < 0.3:
        before, reader = done[chance.randrange(len(done))]
        owner = before.owner
        public = before.public
        prompt = [*before.tokens, *reader.said_tokens, *chance.choices(LETTERS, k=BACK)][:200]
    work = Work(
        prompt,
        decoder.sampler(Sampling(temperature=0), prompt),
        Reader(),
        chance.randrange(1, 50),
        owner=owner,
        public=min(public, len(prompt)),
        adapter=chance.choice([None, None, None, "shout"]),
        reserve=chance.choice([1, 50]),
        reuse=chance.random() < 0.9,
    )
    batcher.submit(work)
    assert isinstance(work.listener, Reader)
    return work, work.listener
