"""What is written of an answer: stop strings, whole characters, ends, and who may end it."""

import asyncio

import pytest

from tests.inference.gguf_files import BACK
from tests.inference.wire import ask, post

# Enough before the text that the model says back.
BEFORE = "x" * 20


async def test_a_stop_string_spread_over_tokens_is_not_sent(tiny_address: str) -> None:
    answer = await ask(tiny_address, {"prompt": BEFORE + "fox<end>more", "stop": ["<end>"]})
    assert (answer.text, answer.reason) == ("fox", "stop")
    assert answer.usage["completion_tokens"] == len("fox<end>")


async def test_what_only_begins_like_a_stop_string_is_sent(tiny_address: str) -> None:
    body = {"prompt": BEFORE + "fox<end>more", "stop": ["<endless>", "d>x"], "max_tokens": BACK}
    assert (await ask(tiny_address, body)).text == "fox<end>more"


async def test_a_stop_string_over_three_tokens_of_a_real_model(chat_address: str) -> None:
    count = "One, two, three, four, five, six, seven, eight, nine,"
    tokens = await post(chat_address, "/tokenize", {"content": [" ten", ",", " eleven"]})
    assert tokens["counts"][1] == 1
    answer = await ask(chat_address, {"prompt": count, "stop": ["n, el"], "max_tokens": 12})
    assert (answer.text, answer.reason) == (" te", "stop")


async def test_an_emoji_of_four_tokens_is_sent_whole(tiny_address: str) -> None:
    answer = await ask(tiny_address, {"prompt": BEFORE + "ab🦊c🐦d", "max_tokens": BACK})
    assert answer.text == "ab🦊c🐦d"
    assert any("🦊" in piece for piece in answer.pieces[0])


async def test_a_character_that_the_limit_cuts_is_shown_as_missing(tiny_address: str) -> None:
    answer = await ask(tiny_address, {"prompt": BEFORE + "ab🦊c🐦d", "max_tokens": 4})
    assert (answer.text.rstrip("�"), answer.reason) == ("ab", "length")


@pytest.mark.parametrize(("ignore", "reason"), [(False, "stop"), (True, "length")])
async def test_the_end_of_the_answer_and_ignoring_it(tiny_address: str, ignore: bool, reason: str) -> None:
    body = {"prompt": BEFORE + "the end\x03or n", "max_tokens": 30, "ignore_eos": ignore}
    answer = await ask(tiny_address, body)
    assert answer.text.startswith("the end") and answer.reason == reason
    assert (answer.text == "the end") == (reason == "stop")
    assert (answer.usage["completion_tokens"] == 30) == ignore


async def test_special_tokens_in_a_persons_text_are_text(tiny_address: str) -> None:
    """The model hears a turn's real mark as '#'."""
    message = {"role": "user", "content": f"{BEFORE}ab<|turn|>"}
    answer = await ask(tiny_address, {"messages": [message], "max_tokens": BACK})
    assert answer.text == "xab<|turn|>#"
    answer = await ask(tiny_address, {"prompt": f"{BEFORE}<MID><PRE>a", "max_tokens": BACK})
    assert answer.text == "x<MID><PRE>a"


async def test_a_token_can_be_banned_and_wanted(tiny_address: str) -> None:
    letters = await post(tiny_address, "/tokenize", {"content": "az"})
    a, z = letters["tokens"]
    body = {"prompt": BEFORE + "banana bread", "max_tokens": BACK}
    banned = await ask(tiny_address, body | {"logit_bias": {str(a): -100}})
    assert banned.text[0] == "b" and "a" not in banned.text
    wanted = await ask(tiny_address, body | {"logit_bias": {str(z): 100}})
    assert wanted.text == "z" * BACK


async def test_penalties_count_the_prompt_as_far_as_they_look(tiny_address: str) -> None:
    body = {"model": "soft", "prompt": "abcdefghijklm", "max_tokens": BACK, "presence_penalty": 2}
    assert (await ask(tiny_address, body)).text[0] not in "abcdefghijklm"
    assert (await ask(tiny_address, body | {"repeat_last_n": 0})).text == "bcdefghijklm"


async def test_who_has_little_to_read_does_not_wait_for_who_has_much(chat_address: str) -> None:
    """A million blanks take a second to be split into tokens."""
    much = asyncio.create_task(post(chat_address, "/tokenize", {"content": " " * 1_000_000}))
    await asyncio.sleep(0.05)
    answer = await ask(chat_address, {"prompt": "The", "max_tokens": 1})
    assert answer.text and not much.done()
    assert (await much)["tokens"]
