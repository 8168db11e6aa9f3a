"""The words of one collection's chunks in tantivy. Blocking: for threads.

A query is an OR of its words, built term by term: what a person types is never parsed as syntax.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import tantivy

from petra.knowledge.index.entry import Entry, Scored, best

WRITER_MEMORY = 16_000_000
MOST_TERMS = 64
PATH_BOOST = 0.5
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Lexical:
    """An index in a folder that is its own, or in memory."""

    def __init__(self, folder: Path | None) -> None:
        """Open what is in `folder`, or begin anew. Raises ValueError when tantivy cannot read it."""
        if folder and tantivy.Index.exists(str(folder)):
            self._index = tantivy.Index.open(str(folder))
        else:
            self._index = tantivy.Index(_schema(), path=str(folder) if folder else None)
        self._index.register_tokenizer("words", _analyzer())
        self._index.reload()
        self._analyzer = _analyzer()

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
            document.add_text("body", entry.text)
            document.add_text("path", path_words(entry.path))
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
        """Any of the query's words, in the text or (counting less) in the path; None without words."""
        schema = self._index.schema
        words = []
        for term in list(dict.fromkeys(self._analyzer.analyze(query)))[:MOST_TERMS]:
            body = tantivy.Query.term_query(schema, "body", term, "freq")
            path = tantivy.Query.term_query(schema, "path", term, "freq")
            words.append((tantivy.Occur.Should, body))
            words.append((tantivy.Occur.Should, tantivy.Query.boost_query(path, PATH_BOOST)))
        return tantivy.Query.boolean_query(words) if words else None


def path_words(path: str) -> str:
    """The words of a path, also those written together: `src/TokenStore.py` → `src Token Store py`."""
    return _CAMEL.sub(" ", path)


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("chunk", indexed=True, fast=True)
    builder.add_text_field("document", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("body", tokenizer_name="words", index_option="freq")
    builder.add_text_field("path", tokenizer_name="words", index_option="freq")
    return builder.build()


def _analyzer() -> Any:
    """Runs of letters and digits, lower case, English stems."""
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in (
        tantivy.Filter.remove_long(64),
        tantivy.Filter.lowercase(),
        tantivy.Filter.stemmer("english"),
    ):
        words = words.filter(step)
    return words.build()
