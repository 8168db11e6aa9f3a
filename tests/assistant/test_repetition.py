import pytest

from petra.assistant.repetition import repeats_itself


@pytest.mark.parametrize(
    "text",
    [
        "The answer is: 512 bytes.\n\n" * 4,
        "Paging is simple. " + "It is a method that is a method " * 4,
        "A list:\n" + "- the round-robin policy\n" * 5,
        "".join(f"{n}. The passage is about honey.\n" for n in range(1, 7)),
        "1.1.1. " * 50,
        2 * "The handshake opens a connection between two hosts. Each of them sends a number, and "
        "the other confirms it before any data is sent.\n\n",
    ],
)
def test_a_loop_is_recognised(text):
    assert repeats_itself(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The answer is: 512 bytes.\n\n" * 3,
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "Run row one. Run row two. Run row three. Run row four.",
        "1. Day 1: 12 eggs\n2. Day 2: 13 eggs\n3. Day 3: 14 eggs\n4. Day 4: 15 eggs\n5. Day 5: 16 eggs\n",
    ],
)
def test_what_only_looks_alike_is_not(text):
    assert not repeats_itself(text)
