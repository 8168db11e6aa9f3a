"""A naive model of what should be there, and everything in which rows, index and search differ from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from petra.knowledge.blocks import embedded_text
from petra.storage import chunks, documents
from petra.storage.chunks import Chunk
from petra.storage.documents import Document

from .house import House
from .stand_ins import vector

EVERYWHERE = "passage"
"""A word that every chunk has."""
MARK = re.compile(r"mark\d+x")
"""A word that one version of one file has, in each of its chunks."""

Key = Callable[[Document], str]
"""What the model calls a document."""


async def differences(house: House, files: Mapping[str, str], uploads: Mapping[str, str]) -> list[str]:
    """What is not as in `files` (texts by path) and `uploads` (texts by document); empty: all agrees."""
    found = await _of_collection(house, house.uploads, uploads, lambda document: document.id)
    if mirrored := await house.mirrored():
        found += await _of_collection(house, mirrored, files, lambda document: document.path)
    elif files:
        found.append("the folder has no collection")
    return found


async def _of_collection(house: House, id: str, wanted: Mapping[str, str], key: Key) -> list[str]:
    async with house.db.read() as conn:
        listed = await documents.list_in(conn, id)
        rows = {document.id: await chunks.of_document(conn, document.id) for document in listed}
        alive = await chunks.alive_ids(conn, id)
    found = _documents(listed, rows, wanted, key)
    everything = [row for some in rows.values() for row in some]
    if sorted(row.id for row in everything) != alive:
        found.append(f"{id}: chunks without a document that is alive")
    found += await _index(house, id, everything)
    return found + await _search(house, id, list(wanted.values()))


def _documents(
    listed: list[Document], rows: Mapping[str, list[Chunk]], wanted: Mapping[str, str], key: Key
) -> list[str]:
    found = []
    there = {key(document): document for document in listed}
    if len(there) != len(listed):
        found.append("two documents of one file")
    if there.keys() != wanted.keys():
        found.append(
            f"lost {sorted(wanted.keys() - there.keys())}, too many {sorted(there.keys() - wanted.keys())}"
        )
    for name in there.keys() & wanted.keys():
        document = there[name]
        if document.state != "ready":
            found.append(f"{name} is {document.state}: {document.reason}")
        if words(rows[document.id]) != wanted[name].split():
            found.append(f"{name} has other words than its file")
    return found


def words(rows: list[Chunk]) -> list[str]:
    """The words of a document, each as often as it is in the file."""
    return [word for row in rows for word in row.text[row.overlap :].split()]


async def _index(house: House, id: str, rows: list[Chunk]) -> list[str]:
    """The index against the rows: every chunk, each with the vector of its text."""
    question = vector(house.model, f"{EVERYWHERE} lock")
    missing = await house.indexes.missing(id)
    candidates = await house.indexes.search(EVERYWHERE, question, [id], len(rows) + 100)
    dense, lexical = dict(candidates.dense), dict(candidates.lexical)
    alive = {row.id for row in rows}
    found = [f"{id}: chunk {chunk} has no vector" for chunk in missing]
    if dense.keys() != alive or lexical.keys() != alive:
        found.append(
            f"{id}: {len(alive)} chunks, {len(dense)} found by meaning, {len(lexical)} by words; "
            f"{sorted(alive ^ dense.keys())} {sorted(alive ^ lexical.keys())}"
        )
    for row in rows:
        expected = float(vector(house.model, embedded_text(row.header, row.text)) @ question)
        if row.id in dense and not np.isclose(dense[row.id], expected, atol=3e-3):
            found.append(f"{id}: chunk {row.id} has the vector of another text")
    if [id for id, _ in candidates.dense] != sorted(dense, key=lambda id: (-dense[id], id)):
        found.append(f"{id}: not in the order of similarity")
    return found


async def _search(house: House, id: str, texts: list[str]) -> list[str]:
    """The whole way of a question, for the word that only one file has."""
    found = []
    for text in texts:
        mark = MARK.search(text)
        assert mark
        passages = await house.searcher.search(mark[0], [id], 3)
        if not passages or mark[0] not in passages[0].text:
            found.append(f"{id}: {mark[0]} is not found")
    return found
