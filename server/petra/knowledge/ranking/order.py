"""The ranker: candidates in, their order out, with the reasons. Pure.

What counts, and that files matter more than chunk borders, was learnt from semble
(https://github.com/MinishLab/semble, MIT): definitions of an asked symbol first, words of the path, coherence
of a file, penalties of tests and examples, fewer passages of one file. Constants are Petra's own, fitted on
half of the questions (docs/retrieval.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from petra.knowledge.ranking import fusion, paths
from petra.knowledge.ranking.candidate import Defined, Ranked, Row
from petra.knowledge.ranking.factors import Factors
from petra.knowledge.ranking.query import Kind, Name, Query

SHARE = 0.5
"""The weight of meaning against words, when it does not follow the query."""
SHARE_OF: dict[Kind, float] = {"symbol": 0.3, "path": 0.1, "error": 0.4, "question": 0.5}
"""In prose, by kind of query."""
SHARE_OF_SOURCE: dict[Kind, float] = {"symbol": 0.3, "path": 0.1, "error": 0.4, "question": 0.85}
"""In program text: a question in words has few of its words in the answer. (CoSQA dev, nDCG@10: 0.5 → 0.552,
0.7 → 0.590, 0.85 → 0.602, 1 → 0.592; semble's questions 0.92 to 0.93 for all but the last.)"""
SHARE_UNSPACED = 0.3
"""Chinese and the like: small embedders hardly know them, and their terms are pairs of characters."""

DEFINITION = 1.5
"""Added to what defines the symbol that was asked for: more than any other passage can have."""
MENTIONED = 0.5
"""Added to what defines an identifier that stands in a sentence."""
PERHAPS = 0.15
"""The same for a word with a capital, which may be none."""
OTHER_SCOPE = 0.5
OTHER_CASE = 0.5
"""How much of it is left for a name in another scope than was asked for, or written otherwise."""
NAMED_FILE = 1.5
"""Times that, when the file is named like the symbol."""
NAMES = 0.4
"""Added when all words of the query are in the file's name."""
PLACE = 1.0
"""Added to passages of a file that the query names, and again for its line."""
COHERENCE = 0.1
"""Added to the best passage of the file with the most."""
SPREAD = 0.6
"""What each further passage of a source file counts, to the power of how many came before."""


def rank(
    query: Query,
    meaning: Mapping[int, float],
    words: Mapping[int, float],
    rows: Sequence[Row],
    defined: Sequence[Defined] = (),
    factors: Factors = Factors(),  # noqa: B008 (frozen)
) -> list[Ranked]:
    """All `rows` in order, best first. `meaning` and `words` are of `fusion`; a row in neither is one that
    is there for what it defines."""
    known = [row for row in rows if row.id in meaning or row.id in words]
    share = share_of(query, known, factors)
    base = fusion.fused([row.id for row in known], meaning, words, share)
    ranked = [_begin(row, meaning, words, base, share) for row in rows]
    add_definitions(ranked, query, defined, factors)
    if factors.places:
        add_places(ranked, query)
    if factors.names and query.kind == "question":
        add_names(ranked, query)
    if factors.coherence:
        add_coherence(ranked, base)
    if factors.kinds:
        lessen_kinds(ranked, query)
    ranked.sort(key=_order)
    if factors.spread:
        spread(ranked)
        ranked.sort(key=_order)
    return scaled(ranked)


def share_of(query: Query, rows: Sequence[Row], factors: Factors) -> float:
    """The weight of meaning against words, by the kind of the query and of what was found."""
    if not factors.share:
        return SHARE
    if query.is_unspaced:
        return SHARE_UNSPACED
    part = source_part(rows)
    return SHARE_OF_SOURCE[query.kind] * part + SHARE_OF[query.kind] * (1 - part)


def source_part(rows: Sequence[Row]) -> float:
    """Which part of these passages is program text."""
    return sum(row.source for row in rows) / len(rows) if rows else 0.0


def add_definitions(
    ranked: Iterable[Ranked], query: Query, defined: Sequence[Defined], factors: Factors
) -> None:
    """Lift passages that define what the query names."""
    if not factors.definition:
        return
    best: dict[int, float] = {}
    by_name = {name.name.casefold(): name for name in reversed(query.names)}
    for found in defined:
        if name := by_name.get(found.name.casefold()):
            best[found.chunk_id] = max(best.get(found.chunk_id, 0.0), _worth(query.kind, name, found))
    for item in ranked:
        if worth := best.get(item.row.id):
            named = any(paths.is_named(item.row.path, name.name) for name in query.names)
            _add(item, "definition", worth * (NAMED_FILE if named else 1.0))


def _worth(kind: Kind, name: Name, found: Defined) -> float:
    worth = DEFINITION if kind == "symbol" else MENTIONED if name.sure else PERHAPS
    if found.name != name.name:
        worth *= OTHER_CASE
    if name.scope and name.scope.casefold() not in found.scope.casefold().split(" › "):
        worth *= OTHER_SCOPE
    return worth


def add_places(ranked: Iterable[Ranked], query: Query) -> None:
    """Lift passages of files that the query names, most of all those with the line it names."""
    for item in ranked:
        for place in query.places:
            if paths.ends_with(item.row.path, place.path):
                lines = item.row.lines
                there = place.line is not None and lines and lines[0] <= place.line <= lines[1]
                _add(item, "place", PLACE * (2 if there else 1))
                break


def add_names(ranked: Iterable[Ranked], query: Query) -> None:
    """Lift passages of source files whose name has words of the query."""
    files = {item.row.path for item in ranked if item.row.source}
    parts = {path: paths.shared(query.words, path) for path in files}
    for item in ranked:
        if part := parts.get(item.row.path):
            _add(item, "name of the file", NAMES * part)


def add_coherence(ranked: Sequence[Ranked], base: Mapping[int, float]) -> None:
    """Lift the best passage of each source file by how much all its passages have together. (Of prose, a
    long text has many passages that fit a little: it helps there to look at the best one only.)"""
    sums: dict[str, float] = defaultdict(float)
    first: dict[str, Ranked] = {}
    for item in ranked:
        if not item.row.source:
            continue
        document = item.row.document_id
        sums[document] += base.get(item.row.id, 0.0)
        if document not in first or item.score > first[document].score:
            first[document] = item
    most = max(sums.values(), default=0.0)
    for document, item in first.items():
        if most > 0:
            _add(item, "its file", COHERENCE * sums[document] / most)


def lessen_kinds(ranked: Sequence[Ranked], query: Query) -> None:
    """Let tests, examples, generated files and the like come later, unless they are asked for; and notes, as
    far as what was found is program text."""
    part = source_part([item.row for item in ranked])
    for item in ranked:
        if item.row.source:
            _multiply(item, "kind of file", paths.weight(item.row.path, query.wants))
        elif item.row.note and "notes" not in query.wants:
            _multiply(item, "kind of file", 1 - (1 - paths.WEIGHT["notes"]) * part)


def spread(ranked: Sequence[Ranked]) -> None:
    """Let each further passage of a source file come later; `ranked` is in order."""
    before: dict[str, int] = defaultdict(int)
    for item in ranked:
        if item.row.source:
            _multiply(item, "same file", SPREAD ** before[item.row.document_id])
            before[item.row.document_id] += 1


def scaled(ranked: list[Ranked]) -> list[Ranked]:
    """The same with the first score 1, and none below 0."""
    most = max((item.score for item in ranked), default=0.0)
    for item in ranked:
        item.score = max(item.score / most, 0.0) if most > 0 else 1.0
    return ranked


def _begin(
    row: Row,
    meaning: Mapping[int, float],
    words: Mapping[int, float],
    base: Mapping[int, float],
    share: float,
) -> Ranked:
    if row.id not in base:
        return Ranked(row, 0.0)
    why = {"meaning": meaning.get(row.id), "words": words.get(row.id), "share": share, "base": base[row.id]}
    return Ranked(row, base[row.id], {name: value for name, value in why.items() if value is not None})


def _add(item: Ranked, factor: str, value: float) -> None:
    item.score += value
    item.why[factor] = value


def _multiply(item: Ranked, factor: str, value: float) -> None:
    if value != 1.0:
        item.score *= value
        item.why[f"{factor} ×"] = value


def _order(item: Ranked) -> tuple[float, int]:
    return -item.score, item.row.id
