"""Sequences in one cache: shared, copied, cut, saved, and what cannot be done with them."""

import threading
import time
from pathlib import Path

import pytest

from petra.errors import ModelFileError
from petra.inference.worker.decoder import ABORTED, DONE, NO_ROOM, Row
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel
from tests.inference.llamacpp.reading import FACTS, STORY, agree, opened, read, tokens_of


def test_a_batch_says_what_each_says_alone(context: LlamaContext, model: LlamaModel) -> None:
    prompts = [tokens_of(model, text) for text in FACTS]
    alone = []
    for prompt in prompts:
        alone.append(read(context, 0, prompt))
        context.trim(0, 0)
    rows = [
        Row(token, at, sequence, at == len(prompt) - 1)
        for sequence, prompt in enumerate(prompts)
        for at, token in enumerate(prompt)
    ]
    assert context.decode(rows) == DONE
    last = [index for index, row in enumerate(rows) if row.logits]
    assert all(agree(one, context.logits(row)) for one, row in zip(alone, last, strict=True))


def test_a_copied_beginning_is_as_good_as_one_that_was_read(context: LlamaContext, model: LlamaModel) -> None:
    tokens = tokens_of(model, STORY, 60)
    expected = read(context, 0, tokens)
    context.copy(0, 1, 40)
    assert context.length(1) == 40 and context.length(0) == 60
    assert agree(expected, read(context, 1, tokens[40:]))
    assert not agree(expected, read(context, 1, tokens[:5]))
    assert context.length(0) == 60


def test_a_copy_replaces_what_was_there(context: LlamaContext, model: LlamaModel) -> None:
    tokens = tokens_of(model, STORY, 50)
    expected = read(context, 0, tokens)
    read(context, 1, tokens[10:20])
    context.copy(0, 1, 40)
    assert context.length(1) == 40
    assert agree(expected, read(context, 1, tokens[40:]))
    context.copy(2, 1, 40)
    assert context.length(1) == 0


def test_a_copy_costs_no_cells_in_a_unified_cache(smol: LlamaModel) -> None:
    tokens = tokens_of(smol, STORY, 200)
    with opened(smol, unified=True, cells=256) as context:
        read(context, 0, tokens)
        for target in (1, 2, 3):
            context.copy(0, target, 200)
            read(context, target, tokens[:10])
        assert [context.length(one) for one in range(4)] == [200, 210, 210, 210]


def test_cut_and_gone_on_from(context: LlamaContext, model: LlamaModel) -> None:
    tokens = tokens_of(model, STORY, 60)
    expected = read(context, 0, tokens)
    assert context.trim(0, 40) and context.length(0) == 40
    assert agree(expected, read(context, 0, tokens[40:]))
    assert context.trim(0, 100) and context.length(0) == 60
    assert context.trim(0, 0) and context.length(0) == 0


def test_saved_and_restored(context: LlamaContext, model: LlamaModel) -> None:
    tokens = tokens_of(model, STORY, 50)
    expected = read(context, 0, tokens)
    context.trim(0, 40)
    state = context.save(0)
    context.trim(0, 0)
    read(context, 0, tokens[20:30])
    assert context.restore(2, state) and context.length(2) == 40
    assert agree(expected, read(context, 2, tokens[40:]))


def test_copied_and_saved_without_a_step_between(context: LlamaContext, model: LlamaModel) -> None:
    """A cache in parts copies only with the next step; what is saved or overwritten meanwhile is right."""
    tokens = tokens_of(model, STORY, 50)
    expected = read(context, 0, tokens)
    context.copy(0, 1, 40)
    state = context.save(1)
    context.copy(0, 2, 40)
    context.trim(0, 0)
    read(context, 3, tokens[20:30])
    assert context.restore(0, context.save(3))
    assert context.length(2) == 40 and agree(expected, read(context, 2, tokens[40:]))
    context.trim(1, 0)
    assert context.restore(1, state) and agree(expected, read(context, 1, tokens[40:]))


def test_a_source_that_is_overwritten_at_once_was_copied_first(
    context: LlamaContext, model: LlamaModel
) -> None:
    tokens = tokens_of(model, STORY, 50)
    expected = read(context, 0, tokens)
    read(context, 3, tokens[20:30])
    other = context.save(3)
    context.copy(0, 1, 40)
    assert context.restore(0, other)
    assert agree(expected, read(context, 1, tokens[40:]))


def test_only_the_tail_is_saved(unified: LlamaContext, model: LlamaModel) -> None:
    tokens = tokens_of(model, STORY, 80)
    read(unified, 0, tokens[:50])
    unified.copy(0, 1, 50)
    expected = read(unified, 1, tokens[50:])
    unified.trim(1, 70)
    tail, whole = unified.save(1, 50), unified.save(1)
    assert len(tail) < len(whole) / 2
    unified.trim(1, 0)
    unified.copy(0, 2, 50)
    assert unified.restore(2, tail, 50) and unified.length(2) == 70
    assert agree(expected, read(unified, 2, tokens[70:]))
    assert unified.length(0) == 50


def test_what_a_window_has_left_behind_is_not_gone_on_from(gemma: LlamaModel) -> None:
    """Of layers that look back 512 tokens llama.cpp saves only what the next token looks at."""
    with opened(gemma, cells=2048) as context:
        read(context, 0, tokens_of(gemma, STORY, 640))
        for start, whole_to in ((0, 0), (100, 100), (130, 600)):
            context.copy(0, 1, start)
            assert context.restore(1, context.save(0, start), start) and context.length(1) == 640
            context.copy(1, 2, 600)
            assert context.length(2) == (600 if whole_to == 600 else 0)
            context.copy(1, 2, 640)
            assert context.length(2) == 640
            context.copy(1, 3, start)
            assert context.length(3) == start
            assert context.trim(1, 600) is (whole_to == 600)
            assert context.length(1) == (600 if whole_to == 600 else 0)
            assert context.trim(2, start) and context.length(2) == start
        assert context.trim(0, 600), "what was never saved is whole"


@pytest.mark.parametrize("unified", [True, False])
def test_a_full_cache_changes_nothing(smol: LlamaModel, unified: bool) -> None:
    tokens = tokens_of(smol, STORY, 50)
    with opened(smol, unified=unified, cells=256 if unified else 1024) as context:
        expected = read(context, 1, tokens)
        context.trim(1, 40)
        read(context, 0, tokens)
        left = context.cells - 90 if unified else context.context - 50
        more = [Row(tokens[0], 50 + at, 0, False) for at in range(left + 1)]
        assert context.decode(more) == NO_ROOM
        assert context.length(0) == 50 and context.length(1) == 40
        assert agree(expected, read(context, 1, tokens[40:]))


def test_no_room_to_restore(smol: LlamaModel) -> None:
    with opened(smol, cells=256) as context:
        tokens = tokens_of(smol, STORY, 150)
        read(context, 0, tokens)
        state, tail = context.save(0), context.save(0, 20)
        context.copy(0, 1, 20)
        assert not context.restore(1, tail, 20) and context.length(1) == 0
        assert not context.restore(2, state) and context.length(2) == 0
        context.trim(0, 0)
        assert context.restore(2, state) and context.length(2) == 150


def test_interrupted_before_it_begins(context: LlamaContext, model: LlamaModel) -> None:
    tokens = tokens_of(model, STORY, 50)
    expected = read(context, 0, tokens)
    context.trim(0, 40)
    context.interrupt(True)
    rows = [Row(token, 40 + at, 0, False) for at, token in enumerate(tokens[40:])]
    assert context.decode(rows) == ABORTED
    context.interrupt(False)
    assert context.trim(0, 40) and context.length(0) == 40
    assert agree(expected, read(context, 0, tokens[40:]))


def test_interrupted_in_the_middle(smol: LlamaModel) -> None:
    """From another thread, while the step computes."""
    options = ContextOptions(2048, 2048, 2, threads=1, batch=2048, flash_attention=False)
    context = LlamaContext(smol, options)
    rows = [Row(token, at, 0, False) for at, token in enumerate(tokens_of(smol, STORY, 2048))]

    def interrupt() -> None:
        time.sleep(0.02)
        context.interrupt(True)

    other = threading.Thread(target=interrupt)
    other.start()
    assert context.decode(rows) == ABORTED
    other.join()
    assert context.length(0) < 2048
    context.close()


def test_what_would_end_the_process_is_an_error(small: LlamaContext) -> None:
    row = Row(10, 0, 0, True)
    for wrong in (
        [],
        [Row(10, at, 0, False) for at in range(small.batch + 1)],
        [Row(10, at, 0, True) for at in range(small.batch)],
        [Row(10, 0, 4, True)],
        [Row(10, 0, -1, True)],
    ):
        with pytest.raises(ValueError):
            small.decode(wrong)
    assert small.decode([row, Row(10, 1, 0, False)]) == DONE
    for index in (1, 2, -1):
        with pytest.raises(ValueError, match="no logits"):
            small.logits(index)
    small.logits(0)
    for action in (small.length, small.save, lambda sequence: small.trim(sequence, 1)):
        for sequence in (-1, 4):
            with pytest.raises(ValueError):
                action(sequence)
    with pytest.raises(ValueError):
        small.copy(0, 4, 1)
    with pytest.raises(ValueError):
        small.restore(1, b"", 5)


@pytest.mark.parametrize("row", [Row(10, 5, 0, True), Row(10, 0, 0, True), Row(10**6, 2, 0, True)])
def test_a_row_that_is_refused_harms_nobody(small: LlamaContext, row: Row) -> None:
    """A gap, a position that is taken, a token that there is not."""
    assert small.decode([Row(10, 0, 0, False), Row(11, 1, 0, False)]) == DONE
    assert small.decode([row]) < 0
    with pytest.raises(ValueError):
        small.logits(0)
    assert small.length(0) == 2
    assert small.decode([Row(12, 2, 0, True)]) == DONE


def test_a_damaged_state_is_not_restored(small: LlamaContext) -> None:
    small.decode([Row(10, at, 0, False) for at in range(20)])
    state = small.save(0)
    assert not small.restore(1, state[: len(state) // 2]) and small.length(1) == 0
    assert not small.restore(1, b"nonsense" + state) and small.length(1) == 0
    assert small.restore(1, state)


def test_a_cache_in_parts_saves_sequences_whole(tiny: LlamaModel) -> None:
    with opened(tiny, unified=False) as context:
        context.decode([Row(10, 0, 0, False), Row(11, 1, 0, False)])
        assert context.context == 1024
        with pytest.raises(ValueError, match="unified"):
            context.save(0, 1)


def test_the_number_of_threads_changes_while_it_runs(small: LlamaContext, tiny: LlamaModel) -> None:
    tokens = tokens_of(tiny, "abcdefghijklmnop")
    expected = read(small, 0, tokens)
    small.set_threads(1)
    assert agree(expected, read(small, 1, tokens))


def test_an_adapter_is_used_where_it_is_asked_for(tiny: LlamaModel, shout: Path) -> None:
    with opened(tiny, adapters={"shout": shout}) as context:
        tokens = tokens_of(tiny, "abcdefghijklmnop")
        rows = [Row(token, at, 0, at == len(tokens) - 1) for at, token in enumerate(tokens)]
        said = []
        for name in (None, "shout", "shout", None):
            context.trim(0, 0)
            assert context.decode(rows, name) == DONE
            said.append(tiny.piece(int(context.logits(len(rows) - 1).argmax())))
        assert said == [b"e", b"E", b"E", b"e"]
        with pytest.raises(KeyError):
            context.decode(rows, "whisper")


def test_an_adapter_of_another_model_is_refused(smol: LlamaModel, shout: Path) -> None:
    with pytest.raises(ModelFileError, match="shout"), opened(smol, adapters={"shout": shout}):
        raise AssertionError("it was taken")


def test_no_memory_for_the_cache(tiny: LlamaModel) -> None:
    with pytest.raises(ValueError):
        LlamaContext(tiny, ContextOptions(1024, 1024, 300, threads=1))
