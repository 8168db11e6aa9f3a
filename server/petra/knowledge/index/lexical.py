"""The words of one collection's chunks in tantivy. Blocking: for threads.

The terms are Petra's own (`knowledge.terms`), for the index and for a query alike; tantivy only cuts at
blanks, and what a person types is never parsed as syntax. A query is an OR of its terms, by BM25: in the text
of a chunk, and in the path of its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import tantivy

from petra.knowledge import terms
from petra.knowledge.index.entry import Entry, Scored, best
from petra.knowledge.syntax import languages

WRITER_MEMORY = 16_000_000
FORMAT = 2
"""Raise it when fields change. It is in the name of a field, so that tantivy refuses an index of another
format or of other terms, and the collection is built again."""

_BODY = f"body{FORMAT}_{terms.VERSION}"


class Lexical:
    """An index in a folder that is its own, or in memory."""

    def __init__(self, folder: Path | None) -> None:
        """Open what is in `folder`, or begin anew. Raises ValueError when tantivy cannot read it, or when
        it is of another format."""
        self._index = tantivy.Index(_schema(), path=str(folder) if folder else None)
        self._index.reload()

    @property
    def count(self) -> int:
        """How many chunks it holds."""
        return int(self._index.searcher().num_docs)

    def apply(self, added: Iterable[Entry], removed: Iterable[int]) -> None:
        """Change the index; durable and visible when this returns, all of it or nothing."""
        writer = self._index.writer(WRITER_MEMORY, 1)
        for chunk_id in removed:
            writer.delete_documents_by_term("chunk", chunk_id)
        for entry in added:
            # Added twice (a refresh that failed half way) is in it once.
            writer.delete_documents_by_term("chunk", entry.chunk_id)
            document = tantivy.Document()
            document.add_integer("chunk", entry.chunk_id)
            document.add_text("document", entry.document_id)
            document.add_text(_BODY, body_terms(entry))
            document.add_text("path", path_terms(entry.path))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def search(self, query: str, limit: int, documents: Collection[str] | None = None) -> Scored:
        """The chunks that have most of the query's words, by BM25; within `documents` when given."""
        return self._ask(query, limit, "document", documents)

    def scores(self, query: str, chunk_ids: Collection[int]) -> Scored:
        """The BM25 scores of these chunks, those that have a word of the query."""
        return self._ask(query, len(chunk_ids), "chunk", chunk_ids)

    def _ask(
        self, query: str, limit: int, field: str, within: Collection[str] | Collection[int] | None
    ) -> Scored:
        asked = self._query(query)
        if asked is None or not limit:
            return []
        if within is not None:
            only = tantivy.Query.term_set_query(self._index.schema, field, list(within))
            asked = tantivy.Query.boolean_query(
                [
                    (tantivy.Occur.Must, asked),
                    (tantivy.Occur.Must, tantivy.Query.const_score_query(only, 0.0)),
                ]
            )
        searcher = self._index.searcher()
        hits = searcher.search(asked, limit, count=False).hits
        ids = searcher.fast_field_values("chunk", [address for _, address in hits])
        return best([(int(id), float(score)) for (score, _), id in zip(hits, ids, strict=True)])

    def _query(self, query: str) -> Any:
        """Any of the query's terms, in the text or in the path; None without terms. Nothing in it has a
        boost: only then does tantivy pass over what cannot be among the best."""
        schema = self._index.schema
        found = [
            (tantivy.Occur.Should, tantivy.Query.term_query(schema, field, term, "freq"))
            for term in terms.asked(query)
            for field in (_BODY, "path")
        ]
        return tantivy.Query.boolean_query(found) if found else None


def body_terms(entry: Entry) -> str:
    """The terms of a chunk and, of source text, the name of its language: who asks how to do something in
    Python gets nothing out of the few places that say so, where all are in Python."""
    language = languages.of(entry.path, "")
    return terms.indexed(f"{entry.text} {language}" if language else entry.text)


def path_terms(path: str) -> str:
    """The terms of a path: those of its folders and, twice, those of the file's own name."""
    pure = PurePosixPath(path)
    return terms.indexed(" ".join((*pure.parts[:-1], pure.name, pure.stem)))


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("chunk", indexed=True, fast=True)
    builder.add_text_field("document", tokenizer_name="raw", index_option="basic")
    builder.add_text_field(_BODY, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("path", tokenizer_name="whitespace", index_option="freq")
    return builder.build()
