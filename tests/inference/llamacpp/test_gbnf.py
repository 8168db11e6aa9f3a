"""Grammars: what llama.cpp takes is let through, and what would end the worker is refused at once."""

import time

import llama_cpp.llama_grammar
import numpy as np
import pytest

from petra.errors import BadRequest
from petra.inference.worker.llamacpp import gbnf
from petra.inference.worker.llamacpp.candidates import candidates
from petra.inference.worker.llamacpp.constraint import Constraint
from petra.inference.worker.llamacpp.model import LlamaModel

UPSTREAM = [name for name in dir(llama_cpp.llama_grammar) if name.endswith("_GBNF")]


def rules(count: int, form: str, last: str = '"a"') -> str:
    lines = [f"r{n} ::= " + form.replace("NEXT", f"r{n + 1}") for n in range(count)]
    return "\n".join(["root ::= r0", *lines, f"r{count} ::= {last}"])


@pytest.mark.parametrize("name", UPSTREAM)
def test_upstreams_examples_are_taken(smol: LlamaModel, name: str) -> None:
    Constraint(smol, getattr(llama_cpp.llama_grammar, name)).close()


@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= "a"',
        '\n# a remark\r\nroot ::= x # b\r\n\r\nx ::=\n [^\\x7F\\u00e9-\\U0001F600]* | (\n"a"\n|\n\n"b" )',
        'root ::= [a-] [\\]] "\\"\\n" . x-1{2} x-1{1,} x-1{0,3}\nx-1 ::= "x"| "y"',
        "root ::= (ws item?)*\nws ::= [ ]*\nitem ::= [0-9]+",
        'root ::= "(" root ")" | "x"',
        'root ::= "" [] "b" | ""',
        'root ::= "a"\nroot ::= "b"',
    ],
)
def test_the_whole_form(tiny: LlamaModel, grammar: str) -> None:
    Constraint(tiny, grammar).close()


@pytest.mark.parametrize(
    "grammar",
    [
        "",
        "root",
        "root ::= (",
        'root ::= "a',
        "root ::= [a",
        'root ::= "a" )',
        "root ::= missing",
        'other ::= "a"',
        'root ::= "a"\n | "b"',
        'root ::= "\\d"',
        "root ::= *",
        'root ::= "a"{x}',
        'root ::= "a" ::= "b"',
        "root ::= <s>",
        'root ::= "a\0b"',
        "root ::= \udcff",
    ],
)
def test_what_is_no_grammar(smol: LlamaModel, grammar: str) -> None:
    with pytest.raises(BadRequest, match="grammar"):
        Constraint(smol, grammar)


HOSTILE = {
    "parentheses": "root ::= " + "(" * 30_000 + '"a"' + ")" * 30_000,
    "repetitions": 'root ::= "a"' + "*" * 60_000,
    "both": "root ::= " + "(" * 45 + '"a"' + ("*" * 45 + ")") * 45,
    "wrong order": 'root ::= "a"{3,1}',
    "long literals": f'root ::= "{"a" * 30_000}"{{2000}}',
    "many repetitions": "root ::= " + '"a"{2000} ' * 5000,
    "within each other": 'root ::= (("a"?){0,2000}){0,2000}',
    "left recursion": 'root ::= root "a" | "b"',
    "hidden left recursion": 'root ::= r root "x" | "y"\nr ::= s\ns ::= ""',
    "ways to begin": rules(40, "NEXT | NEXT"),
    "ways to go on": rules(40, 'NEXT "x" | NEXT "y"'),
    "ways later on": f'root ::= "a" ({"|".join("r" * 3000)})\nr ::= "x" "y" | "z" | "1" | "2"',
    "a long chain": rules(3000, "NEXT", '""'),
    "a long chain backwards": "\n".join(reversed(rules(3000, "NEXT", '""').splitlines())),
    "many empty ones": "root ::= " + "a " * 20_000 + '\na ::= ""',
    "too long": 'root ::= "a" #' + "x" * 70_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_end_the_worker(name: str) -> None:
    begun = time.thread_time()
    with pytest.raises(BadRequest, match="grammar"):
        gbnf.check(HOSTILE[name])
    assert time.thread_time() - begun < 5, "not by measuring it"


@pytest.mark.parametrize("text", ["a", "aaaaaaaa"])
def test_a_grammar_that_costs_more_with_every_token_ends(smol: LlamaModel, text: str) -> None:
    """Two ways at every letter: no rule shows it beforehand."""
    constraint = Constraint(smol, 'root ::= "a" root "b" | "a" root "c" | "d"')
    tokens = smol.tokenize(text) * 40
    with pytest.raises(BadRequest, match="too long"):
        for token in tokens:
            assert constraint.allows(token)
            constraint.accept(token)
    constraint.close()


def test_what_is_tried_first_leaves_nothing_out(smol: LlamaModel) -> None:
    """Only tokens whose first character may come are asked after: the same as asking after all, but for
    those that are long enough to have a million readings."""
    grammar = 'root ::= ("é" | "日本" | "\\"" [a-f]* "\\"" | " " [^x] | "🦊"){1,9} "\\n"?'
    constraint = Constraint(smol, grammar)
    zeros = np.zeros(smol.vocabulary, np.float32)
    for text in ("", '"', "ab", '"', " ", "w", "日", "本"):
        for token in smol.tokenize(text):
            assert constraint.allows(token)
            constraint.accept(token)
        found = set(constraint.allowed(zeros, len(zeros))["id"].tolist())
        every = constraint._asked(candidates(np.arange(smol.vocabulary)))["id"].tolist()
        every = {token for token in every if smol.piece(token) or smol.ends(token)}
        assert found <= every and len(every - found) < len(every) / 10
        assert all(len(smol.piece(token)) > constraint._short for token in every - found)
    fox = smol.tokenize("🦊")
    assert len(fox) > 1, "a character of several tokens"
    for token in fox:
        assert token in constraint.allowed(zeros, len(zeros))["id"]
        constraint.accept(token)
    constraint.close()


@pytest.mark.parametrize("before", ["", '"', '"ab', '"ab"'])
def test_the_likeliest_are_the_same_as_of_all(smol: LlamaModel, before: str) -> None:
    constraint = Constraint(smol, 'root ::= "\\"" [^"\\x00-\\x1F]* "\\"" [0-9]{2}')
    for token in smol.tokenize(before):
        constraint.accept(token)
    logits = np.random.default_rng(1).normal(size=smol.vocabulary).astype(np.float32)
    logits[smol.tokenize("\n")] = 100
    every = np.sort(constraint.allowed(logits, len(logits)), order="logit")[::-1]
    for count in (1, 40):
        some = np.sort(constraint.allowed(logits, count), order="logit")[::-1]
        np.testing.assert_array_equal(some[:count]["id"], every[:count]["id"])
    constraint.close()


def test_no_special_token_stands_for_its_name(smol: LlamaModel) -> None:
    constraint = Constraint(smol, 'root ::= "<|im_start|>" | [a-z<|_>]+')
    start = smol.tokenize("<|im_start|>", special=True)[0]
    assert not constraint.allows(start)
    assert start not in constraint.allowed(np.zeros(smol.vocabulary, np.float32), smol.vocabulary)["id"]
    assert constraint.allows(smol.tokenize("<")[0])
    constraint.close()
