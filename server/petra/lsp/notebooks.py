"""Open notebooks, cell by cell: each cell is an open document, and the notebook is their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.uris import to_fs_path

from petra.lsp.documents import OPEN_LIMIT, Overlay
from petra.lsp.feature import Method

if TYPE_CHECKING:
    from petra.lsp.session import Session

SYNC = types.NotebookDocumentSyncOptions(
    notebook_selector=[types.NotebookDocumentFilterWithNotebook(notebook="*")]
)
"""Every cell of every notebook, whatever its language."""


@dataclass
class Notebook:
    """An open notebook; `cells` in their order."""

    uri: str
    version: int
    cells: list[types.NotebookCell]


class Notebooks:
    """All open notebooks of a session, by URI."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: dict[str, Notebook] = {}

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (
            Method(types.NOTEBOOK_DOCUMENT_DID_OPEN, "use_editor", self._did_open),
            Method(types.NOTEBOOK_DOCUMENT_DID_CHANGE, "use_editor", self._did_change),
            Method(types.NOTEBOOK_DOCUMENT_DID_CLOSE, "use_editor", self._did_close),
        )

    def get(self, uri: str) -> Notebook | None:
        """An open notebook, or None."""
        return self._open.get(uri)

    def cells(self) -> set[str]:
        """The URIs of all cells of all open notebooks."""
        return {cell.document for book in self._open.values() for cell in book.cells}

    def overlay(self) -> list[Overlay]:
        """Each notebook as one text in the percent format, which says where a cell begins."""
        return [
            Overlay(
                book.uri,
                to_fs_path(book.uri) if book.uri.startswith("file:") else None,
                "notebook",
                book.version,
                self._percent(book),
            )
            for book in self._open.values()
        ]

    def _percent(self, book: Notebook) -> str:
        pieces: list[str] = []
        for cell in book.cells:
            document = self._session.documents.get(cell.document)
            if document is not None and document.text is not None:
                markdown = cell.kind == types.NotebookCellKind.Markup
                pieces.append(f"# %%{' [markdown]' if markdown else ''}\n{document.text}\n")
        return "".join(pieces)

    def _did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        book = params.notebook_document
        self._open.pop(book.uri, None)
        if not self._fits(len(book.cells) + 1):
            return
        self._open[book.uri] = Notebook(book.uri, book.version, list(book.cells))
        for item in params.cell_text_documents:
            self._session.documents.add(item)

    def _did_change(self, params: types.DidChangeNotebookDocumentParams) -> None:
        book = self._open.get(params.notebook_document.uri)
        if book is None:
            return
        book.version = params.notebook_document.version
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure is not None:
            self._restructure(book, cells.structure)
        for known in cells.data or ():
            book.cells = [known if cell.document == known.document else cell for cell in book.cells]
        for change in cells.text_content or ():
            self._session.documents.change(change.document.uri, change.document.version, change.changes)

    def _restructure(self, book: Notebook, structure: types.NotebookDocumentCellChangeStructure) -> None:
        """Cells put in and taken out, by a place that is moved inside when it lies outside."""
        array = structure.array
        if not self._fits(len(array.cells or ()) - min(array.delete_count, len(book.cells))):
            self._forget(book)
            return
        start = min(array.start, len(book.cells))
        book.cells[start : start + array.delete_count] = array.cells or ()
        for item in structure.did_open or ():
            self._session.documents.add(item)
        for closed in structure.did_close or ():
            self._session.documents.remove(closed.uri)

    def _fits(self, more: int) -> bool:
        """Whether there is room for so many more cells; a notebook counts as one itself."""
        return sum(1 + len(book.cells) for book in self._open.values()) + more <= OPEN_LIMIT

    def _forget(self, book: Notebook) -> None:
        """Close a notebook that has become too large."""
        self._open.pop(book.uri, None)
        for cell in book.cells:
            self._session.documents.remove(cell.document)

    def _did_close(self, params: types.DidCloseNotebookDocumentParams) -> None:
        self._open.pop(params.notebook_document.uri, None)
        for closed in params.cell_text_documents:
            self._session.documents.remove(closed.uri)
