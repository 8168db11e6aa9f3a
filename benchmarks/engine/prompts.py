"""What the students ask: a course text that all of them share, and questions of their own.

Everything is drawn from a `random.Random`: the same seed gives both servers the same words, another seed a
course that neither has read. The course differs from its first word on, so nothing of it can be cached.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

Message = dict[str, str]

TOKENS_A_WORD = 1.16
"""Of SmolLM2's tokenizer over this text. Other models read a little more or less; both servers the same."""

COURSE_TOKENS = 650

FACTS = """\
A process is a program in execution, with its own address space and at least one thread of control.
Threads of one process share its memory, so they must agree about who writes to what and when.
The scheduler decides which ready thread runs next and for how long it may keep the processor.
Round robin gives every thread the same slice of time and puts it back at the end of the queue.
A short slice makes the system responsive, yet each switch costs time that no program can use.
Priorities let urgent work go first, but without ageing the least important work may wait for ever.
A lock protects data that several threads change; whoever holds it should let it go again soon.
Two threads that each hold what the other one needs wait for ever, and that is called a deadlock.
Taking locks always in the same order is the simplest way to make a deadlock impossible.
A semaphore counts how many more threads may enter, and a thread that finds zero goes to sleep.
Virtual memory gives each process the illusion of a large and private memory that starts at zero.
The page table says for every page where it lies, and whether it may be read, written or executed.
A page fault happens when a page is not in memory; the kernel then fetches it and tries once more.
The translation buffer remembers recent translations, because walking the table costs many accesses.
When memory is full, a page must leave, and the best victim is one that will not be used soon.
A clock algorithm gives each page a second chance, at a fraction of the cost of an exact order.
Thrashing begins when the working sets of all processes together no longer fit into the memory.
A file system maps names to blocks and keeps that map correct even when the power fails.
A journal writes down what is about to change, so that a half finished change can be completed.
An inode holds the owner, the rights, the times and the places of a file, but not its name.
Hard links are further names of the same file, and the file lives until the last of them is gone.
Buffers keep recently used blocks in memory and write them back later, unless a program insists.
A system call is the only door from a program into the kernel, and the kernel checks every argument.
Interrupts tell the processor that a device has finished, so that it need not ask again and again.
A driver hides how a device works behind a small set of operations that all devices of a kind share.
Direct memory access lets a device copy its data without the processor moving every single word.
Pipes connect the output of one program to the input of the next, and block when they are full.
Sockets do the same between machines, and must expect that the other side disappears at any moment.
A container shares the kernel with its neighbours and sees only the files and processes it was given.
A virtual machine brings its own kernel and believes that the hardware belongs to it alone.
Measurements on a busy machine say little, so repeat them and report the spread next to the median.
Caches are fast because programs come back to the same data and to the data beside it.
False sharing slows two threads down that write to different variables in one and the same cache line.
A bounded queue between producers and consumers keeps a fast producer from filling the whole memory.
Copy on write lets a new process share all pages with its parent until one of the two writes.
Signals interrupt a program at any point, so a handler should do as little as it possibly can.
Access control lists say who may do what with a file, and the default should always be nobody.
A capability is a token that names an object and carries the right to use it at the same time.
Backups that have never been restored are only hopes, so every plan includes a regular rehearsal.
The end to end argument says that only the two ends of a connection can really ensure correctness.
""".splitlines()

TOPICS = (
    "how a page fault is handled from the trap to the next instruction",
    "why a journal keeps the file system correct when the power fails",
    "the difference between a mutex and a counting semaphore",
    "when a round robin scheduler should use a longer slice of time",
    "how copy on write makes creating a process so cheap",
    "which four conditions must hold before a deadlock can happen",
    "what the translation buffer stores and when it has to be emptied",
    "why false sharing slows two independent threads down",
    "how a bounded queue protects a slow consumer from a fast producer",
    "what happens to an open file when its last name is removed",
    "why direct memory access needs pages that stay where they are",
    "how a second chance algorithm chooses the page that has to leave",
)

STYLES = (
    "Explain it in a few sentences for a beginner",
    "Answer with one small example from daily life",
    "Compare it with what we learned in the week before",
    "Say first what goes wrong without it",
    "Give me the two most important points for the exam",
)


@dataclass(frozen=True)
class Course:
    """A class and what it reads: `system` is the public first message of everybody's prompt."""

    system: Message
    seed: int

    def question(self, student: int, round_: int = 0) -> list[Message]:
        """A student's prompt: the course and a question of 25 to 40 tokens."""
        return [self.system, self.ask(student, round_)]

    def ask(self, student: int, round_: int = 0) -> Message:
        """Only the question."""
        draw = drawn(self.seed, student, round_)
        text = (
            f"I am student {draw.randrange(1000, 9999)}. Please tell me {draw.choice(TOPICS)}. "
            f"{draw.choice(STYLES)}."
        )
        return {"role": "user", "content": text}

    def conversation(self, student: int, tokens: int) -> list[Message]:
        """Question and answer in turn until the prompt has `tokens`, the course included; the last word
        is the student's."""
        draw = drawn(self.seed, student, "conversation")
        messages = [self.system]
        turn = 0
        while True:
            messages.append(self.ask(student, turn))
            room = tokens - estimate(messages)
            if room < 60:
                return messages
            answer = " ".join(facts(draw, min(room - 50, 250)))
            messages.append({"role": "assistant", "content": answer})
            turn += 1

    def long_question(self, student: int, tokens: int) -> list[Message]:
        """A prompt of `tokens` in which nearly everything is the student's own: a pasted text."""
        draw = drawn(self.seed, student, "long")
        ask = self.ask(student)["content"]
        text = " ".join(facts(draw, tokens - round(TOKENS_A_WORD * len(ask.split())) - 20))
        return [{"role": "user", "content": f"{draw.randrange(10**6)}. {text}\n\n{ask}"}]


def course(seed: int, tokens: int = COURSE_TOKENS) -> Course:
    """A course text that no other seed shares the beginning of."""
    draw = drawn(seed)
    head = f"{draw.randrange(10**6)} is the number of this course. You are its tutor. Use these notes:"
    lines = facts(draw, tokens - round(TOKENS_A_WORD * len(head.split())) - 10)
    return Course({"role": "system", "content": "\n".join([head, *lines])}, seed)


def drawn(*names: object) -> random.Random:
    """Dice of their own for each thing, so that one more draw here changes nothing there."""
    return random.Random(repr(names))  # noqa: S311


def facts(draw: random.Random, tokens: int) -> list[str]:
    """Sentences in random order, about `tokens` in all; none twice before all were used."""
    found: list[str] = []
    pool: list[str] = []
    while tokens > 0:
        pool = pool or draw.sample(FACTS, len(FACTS))
        found.append(pool.pop())
        tokens -= round(TOKENS_A_WORD * len(found[-1].split()))
    return found


def estimate(messages: list[Message]) -> int:
    """About how many tokens the messages are, their frames included."""
    return sum(round(TOKENS_A_WORD * len(message["content"].split())) + 5 for message in messages)
