"""The choice of a token: greedy, by chance, with penalties and bias, and its probability."""

import ctypes
from collections import Counter
from collections.abc import Sequence

import llama_cpp as lib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.errors import BadRequest
from petra.inference.worker.engine import Sampling
from petra.inference.worker.llamacpp.candidates import Logits, candidates, native_array
from petra.inference.worker.llamacpp.context import LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.llamacpp.penalties import Penalties
from petra.inference.worker.llamacpp.sampler import LlamaSampler
from tests.inference.llamacpp.reading import FACTS, read, tokens_of


def logits_of(size: int, seed: int) -> Logits:
    return np.random.default_rng(seed).normal(0, 3, size).astype(np.float32)


def chosen(
    model: LlamaModel, logits: Logits, sampling: Sampling, count: int, prompt: Sequence[int] = ()
) -> list[int]:
    """`count` tokens, each after the same logits."""
    sampler = LlamaSampler(model, lambda row: logits, sampling, prompt)
    tokens = [sampler.sample(0).token for _ in range(count)]
    sampler.close()
    return tokens


def test_greedy_is_the_best(smol: LlamaModel) -> None:
    logits = logits_of(smol.vocabulary, 1)
    for sampling in (
        Sampling(temperature=0),
        Sampling(top_k=1),
        Sampling(top_k=0, top_p=0.0001),
        Sampling(top_k=0, min_p=0.999),
    ):
        assert chosen(smol, logits, sampling, 3) == [int(logits.argmax())] * 3


def test_a_seed_repeats_and_others_differ(smol: LlamaModel) -> None:
    logits = logits_of(smol.vocabulary, 2)
    a, b, c = (chosen(smol, logits, Sampling(temperature=2, seed=seed), 20) for seed in (1, 1, 2))
    assert a == b != c
    assert chosen(smol, logits, Sampling(temperature=2), 20) != chosen(
        smol, logits, Sampling(temperature=2), 20
    )


def test_chance_follows_the_probabilities(tiny: LlamaModel) -> None:
    logits = np.full(tiny.vocabulary, -50, np.float32)
    logits[[5, 6, 7]] = np.log([0.6, 0.3, 0.1])
    counts = Counter(chosen(tiny, logits, Sampling(temperature=1, top_p=1, min_p=0, seed=1), 4000))
    assert set(counts) == {5, 6, 7}
    for token, expected in ((5, 0.6), (6, 0.3), (7, 0.1)):
        assert counts[token] / 4000 == pytest.approx(expected, abs=0.03)
    assert set(chosen(tiny, logits, Sampling(temperature=1, top_k=2, top_p=1, min_p=0, seed=1), 200)) == {
        5,
        6,
    }
    assert set(chosen(tiny, logits, Sampling(temperature=1, top_p=0.7, min_p=0, seed=1), 200)) == {5, 6}
    assert set(chosen(tiny, logits, Sampling(temperature=1, top_p=1, min_p=0.4, seed=1), 200)) == {5, 6}


@given(st.integers(0, 10**6), st.integers(1, 400), st.sampled_from([0.01, 0.3, 3.0, 30.0]))
def test_no_likely_token_is_left_out(tiny: LlamaModel, seed: int, top_k: int, spread: float) -> None:
    """However flat or steep the distribution is, and whatever was learnt from those before."""
    sampler = LlamaSampler(tiny, lambda row: logits, Sampling(top_k=top_k), ())
    try:
        for step in range(4):
            logits = logits_of(tiny.vocabulary, seed + step) * np.float32(spread * (step + 1))
            likeliest = set(sampler._likeliest(logits).tolist())
            expected = np.argsort(-logits, kind="stable")[: min(top_k, len(logits))]
            assert set(expected.tolist()) <= likeliest
    finally:
        sampler.close()


@given(
    st.lists(st.integers(0, 30), max_size=40),
    st.integers(-1, 20),
    st.sampled_from([1.0, 1.3, 0.8]),
    st.sampled_from([0.0, 0.5, -0.5]),
    st.sampled_from([0.0, 0.7]),
)
def test_penalties_are_those_of_llama_cpp(
    tiny: LlamaModel, said: list[int], last: int, repeat: float, frequency: float, presence: float
) -> None:
    sampling = Sampling(
        repeat_penalty=repeat, frequency_penalty=frequency, presence_penalty=presence, repeat_last_n=last
    )
    prompt, answer = said[:25], said[25:]
    logits = logits_of(tiny.vocabulary, 7)
    before = logits.copy()
    penalties = Penalties(sampling, prompt, tiny)
    window = len(said) if last < 0 else last
    native = lib.llama_sampler_init_penalties(tiny.vocabulary, window, repeat, frequency, presence)
    for token in prompt:
        lib.llama_sampler_accept(native, token)
    for token in answer:
        penalties.accept(token)
        lib.llama_sampler_accept(native, token)
    records = candidates(np.arange(len(logits)), logits)
    lib.llama_sampler_apply(native, ctypes.byref(native_array(records)))
    lib.llama_sampler_free(native)
    with penalties.applied(logits):
        np.testing.assert_allclose(logits, records["logit"], rtol=1e-5)
    np.testing.assert_array_equal(logits, before)


def test_the_prompt_counts_for_the_penalties(smol: LlamaModel) -> None:
    logits = logits_of(smol.vocabulary, 3)
    best, second = (int(token) for token in np.argsort(-logits)[:2])
    penalty = Sampling(temperature=0, presence_penalty=100)
    assert chosen(smol, logits, penalty, 1) == [best]
    assert chosen(smol, logits, penalty, 1, prompt=[best]) == [second]
    assert chosen(smol, logits, penalty, 1, prompt=[best] + [0] * 64) == [best], "too long ago"


def test_bias_and_no_end(smol: LlamaModel) -> None:
    logits = logits_of(smol.vocabulary, 4)
    end = min(smol.end_tokens)
    logits[end] = 100
    assert chosen(smol, logits, Sampling(temperature=0), 1) == [end]
    wanted = Sampling(temperature=0, ignore_eos=True, logit_bias=((77, 90.0),))
    assert chosen(smol, logits, wanted, 2) == [77, 77]
    forbidden = Sampling(seed=1, ignore_eos=True, logit_bias=((int(logits[3:].argmax()) + 3, -np.inf),))
    assert not {end, int(logits[3:].argmax()) + 3} & set(chosen(smol, logits, forbidden, 50))


@pytest.mark.parametrize("token", [-1, 10**6])
def test_a_bias_of_a_token_that_there_is_not(smol: LlamaModel, token: int) -> None:
    with pytest.raises(BadRequest, match="logit_bias"):
        LlamaSampler(smol, lambda row: np.zeros(1, np.float32), Sampling(logit_bias=((token, 1.0),)), ())


def test_several_answers_begin_after_the_same_row(unified: LlamaContext, model: LlamaModel) -> None:
    """What one does to the logits, the next does not see."""
    prompt = tokens_of(model, FACTS[0])
    read(unified, 0, prompt)
    row = len(prompt) - 1
    before = unified.logits(row).copy()
    penalty = Sampling(temperature=0, presence_penalty=50, logit_bias=((5, 30.0),), logprobs=3)
    first, second = (unified.sampler(penalty, prompt) for _ in range(2))
    assert first.sample(row) == second.sample(row)
    first.close()
    second.close()
    np.testing.assert_array_equal(unified.logits(row), before)


def test_probabilities_are_over_what_the_model_thought(model: LlamaModel) -> None:
    logits = logits_of(model.vocabulary, 5)
    shares = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum()
    order = np.argsort(-logits)[:4]
    sampling = Sampling(temperature=2, seed=1, logprobs=4, logit_bias=((int(order[0]), -np.inf),))
    sampler = LlamaSampler(model, lambda row: logits, sampling, ())
    for _ in range(5):
        said = sampler.sample(0)
        assert said.logprob == pytest.approx(np.log(shares[said.token]), abs=1e-4)
        assert [token for token, _ in said.top] == order.tolist()
        assert [value for _, value in said.top] == pytest.approx(np.log(shares[order]), abs=1e-4)
    sampler.close()
    plain = LlamaSampler(model, lambda row: logits, Sampling(temperature=0, logprobs=0), ())
    assert plain.sample(0).logprob == pytest.approx(np.log(shares.max()), abs=1e-4)
    assert plain.sample(0).top == ()
    plain.close()
