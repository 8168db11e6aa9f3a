"""What a prompt may go on from: one's own history, and what was marked public; nothing else."""

import asyncio

from tests.inference.gguf_files import PAGE
from tests.inference.wire import Body, ask

# A turn's mark before each message, one before the answer, and the BOS.
MARKS = 1


def body(*contents: str, **options: object) -> Body:
    roles = ["system", "user", "assistant"]
    messages = [
        {"role": roles[0 if number == 0 else 2 - number % 2], "content": content}
        for number, content in enumerate(contents)
    ]
    return {"model": "page", "messages": messages, "max_tokens": PAGE, **options}


def course(number: int, length: int = 400) -> str:
    """A text that begins as no other does, without a space at its end, which templates drop."""
    return (chr(ord("A") + number) + " is the course; its rules: " * length)[: length - 1] + "."


async def test_a_follow_up_reads_only_what_is_new(tiny_address: str) -> None:
    history = [course(1, 2000), "What is a process?"]
    first = await ask(tiny_address, body(*history, user="ann"))
    assert first.cached < 40
    history += [first.text, "And what is a thread then?"]
    second = await ask(tiny_address, body(*history, user="ann"))
    new = len(history[-1]) + 2 * MARKS
    assert second.usage["prompt_tokens"] - second.cached <= new + 2
    assert second.text == f"#{history[1]}#{history[2].strip()}#{history[3]}#"[-PAGE:]


async def test_a_follow_up_after_many_others_is_restored(tiny_address: str) -> None:
    history = [course(2, 1500), "What is a process?"]
    first = await ask(tiny_address, body(*history, user="eve", max_tokens=20))
    others = [body(course(10 + n, 900), f"I am {n}", user=f"o{n}", max_tokens=5) for n in range(24)]
    await asyncio.gather(*(ask(tiny_address, other) for other in others))
    history += [first.text, "And then?"]
    second = await ask(tiny_address, body(*history, user="eve"))
    assert second.cached > 1500
    assert second.text == f"{course(2, 1500)}#{history[1]}#{history[2].strip()}#And then?#"[-PAGE:]


async def test_nothing_crosses_persons_unmarked(tiny_address: str) -> None:
    question = body(course(3), "the same question", max_tokens=1)
    assert (await ask(tiny_address, question | {"user": "ann"})).cached < 4
    assert (await ask(tiny_address, question | {"user": "ann"})).cached > 400
    assert (await ask(tiny_address, question | {"user": "bob"})).cached < 4
    # Without a name it is the endpoint's owner, a person like any other.
    assert (await ask(tiny_address, question)).cached < 4
    assert (await ask(tiny_address, question)).cached > 400


async def test_what_is_marked_public_crosses_and_nothing_behind_it(tiny_address: str) -> None:
    question = body(course(4), "the same question, which nobody marked", public_messages=1)
    ann = await ask(tiny_address, question | {"user": "ann"})
    bob = await ask(tiny_address, question | {"user": "bob"})
    assert ann.cached < 4
    assert len(course(4)) <= bob.cached <= len(course(4)) + 3 * MARKS
    assert bob.text == ann.text == f"{course(4)}#the same question, which nobody marked#"[-PAGE:]


async def test_both_have_to_mark_it(tiny_address: str) -> None:
    question = body(course(5), "a question", max_tokens=1)
    await ask(tiny_address, question | {"user": "ann"})
    marked = question | {"public_messages": 1}
    assert (await ask(tiny_address, marked | {"user": "bob"})).cached < 4
    assert (await ask(tiny_address, question | {"user": "cy"})).cached < 4
    assert (await ask(tiny_address, marked | {"user": "dan"})).cached >= 400


async def test_cache_prompt_false_reads_all(tiny_address: str) -> None:
    question = body(course(6), "a question", max_tokens=1, user="ann")
    await ask(tiny_address, question)
    assert (await ask(tiny_address, question | {"cache_prompt": False})).cached == 0


async def test_the_base_model_and_its_adapter_share_nothing(tiny_address: str) -> None:
    question = body(course(7), "a question", max_tokens=1, user="ann", public_messages=1)
    await ask(tiny_address, question | {"model": "echo"})
    assert (await ask(tiny_address, question | {"model": "shout"})).cached == 0
    assert (await ask(tiny_address, question | {"model": "shout"})).cached > 400


async def test_requests_that_arrive_together_read_what_they_share_once(chat_address: str) -> None:
    """On the real model, where reading it six times would take six times as long."""
    system = {"role": "system", "content": "Course 4711: " + "paging divides memory into frames, " * 30}
    bodies = [
        {
            "messages": [system, {"role": "user", "content": f"My name is {name}. What is my name?"}],
            "user": name,
            "public_messages": 1,
            "max_tokens": 2,
        }
        for name in ("Ann", "Bob", "Cy", "Dan", "Eve", "Fay")
    ]
    answers = await asyncio.gather(*(ask(chat_address, body) for body in bodies))
    shared = max(answer.cached for answer in answers)
    assert shared > 180
    assert sum(answer.cached for answer in answers) >= 5 * shared
