"""`petra ask`: a question, its answer as it is written, and the passages it came from."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from petra.cli.client import Client, ServerError, connect
from petra.cli.indexing import index
from petra.cli.options import file_or_folder, words
from petra.cli.show import Progress, clean, line, place, shortened
from petra.errors import PetraError

HELP = "ask a question about your files"

KINDS = {"cited": "cited", "supported": "supported", "retrieved": "retrieved, not confirmed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The question and where to look."""
    parser.add_argument("question", type=words)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--in", dest="path", metavar="PATH", type=file_or_folder, help="a file or folder; indexed first"
    )
    where.add_argument("--collection", metavar="NAME", help="a collection that is indexed already")
    parser.add_argument("--conversation", metavar="ID", help="go on with a conversation")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer, in the model's tokens")
    parser.add_argument("--json", action="store_true", help="print one JSON object when it is complete")


def run(args: argparse.Namespace) -> int:
    """Ask, show, and return 0 unless the answer failed."""
    if not args.json:
        return _ask(args, Reader())
    reader = Collector()
    try:
        return _ask(args, reader)
    except PetraError as error:
        reader.fail(error)
        raise
    finally:
        line(json.dumps(reader.answer(), ensure_ascii=False))


def _ask(args: argparse.Namespace, reader: Reader) -> int:
    client = connect(args)
    try:
        with client.stream("/api/v1/ask", _request(args, client)) as parts:
            for part in parts:
                reader.read(part)
    finally:
        reader.progress.clear()
    reader.end()
    return 0 if reader.error is None else 1


def _request(args: argparse.Namespace, client: Client) -> dict[str, Any]:
    collection, path = args.collection, None
    if args.path:
        indexed = index(client, args.path)
        collection, path = indexed.collection, indexed.path
    request = {
        "question": args.question,
        "collections": [collection] if collection else None,
        "path": path,
        "conversation_id": args.conversation,
        "max_tokens": args.max_tokens,
    }
    return {name: value for name, value in request.items() if value is not None}


class Reader:
    """Shows an answer while it comes: text on stdout, how far it is on stderr."""

    def __init__(self) -> None:
        self.progress = Progress(step=0)  # a state may last for minutes: none is left out
        self.sources: dict[int, dict[str, Any]] = {}
        self.error: dict[str, Any] | None = None
        self._text = False
        self._ending = ""

    def read(self, part: dict[str, Any]) -> None:
        """Take one part."""
        match part["kind"]:
            case "status":
                self.status(part)
            case "text":
                self.text(part["text"])
            case "source":
                self.sources[part["source"]["n"]] = part["source"]
            case "error":
                self.error = part["error"]
            case "done":
                self._ending = part["finish_reason"]

    def status(self, part: dict[str, Any]) -> None:
        """Say how far the answer is, until its text begins."""
        if not self._text:
            self.progress.show(f"{part['message']} …")

    def text(self, text: str) -> None:
        """Append to the answer."""
        self.progress.clear()
        self._text = True
        print(clean(text), end="", flush=True)  # noqa: T201

    def end(self) -> None:
        """Everything has come: the sources, and what went wrong."""
        if self._text:
            line()
        if self.error:
            error = ServerError(self.error)
            line(f"petra: {error}", to=sys.stderr)
        elif self._ending == "length":
            line("petra: The answer was longer than allowed, and ends here.", to=sys.stderr)
        found = list(self.sources.values())
        # What the check did not confirm is shown only when there is nothing better.
        sources = [source for source in found if source["kind"] != "retrieved"] or found
        if sources:
            line("\nSources:")
        for source in sources:
            where = source.get("path") or source["document"]
            line(f"  [{source['n']}] {where}{place(source)} ({KINDS[source['kind']]})")
            line(f"      {shortened(source['quote'])}")


class Collector(Reader):
    """Keeps an answer until it can be printed as one JSON object."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []
        self._rest: dict[str, Any] = {"usage": None, "finish_reason": "error"}

    def read(self, part: dict[str, Any]) -> None:
        """Take one part."""
        super().read(part)
        if part["kind"] == "usage":
            self._rest["usage"] = part["usage"]
        elif part["kind"] == "done":
            self._rest |= {name: value for name, value in part.items() if name != "kind"}

    def text(self, text: str) -> None:
        """Append to the answer."""
        self._pieces.append(text)

    def end(self) -> None:
        """Nothing to show: `answer` has it all."""

    def fail(self, error: PetraError) -> None:
        """It could not even be asked, or broke off."""
        self.error = error.as_values()

    def answer(self) -> dict[str, Any]:
        """The object to print."""
        sources = [self.sources[n] for n in sorted(self.sources)]
        answer = {"answer": "".join(self._pieces), "sources": sources} | self._rest
        return answer | ({"error": self.error} if self.error else {})
