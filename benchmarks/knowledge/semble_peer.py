"""semble, from its own package, in its own environment: a job as JSON on stdin, the result as JSON on stdout.

`{"folder", "queries", "socket"}`: its ranker over vectors of the model that listens on the socket. With
`"model"` (a folder of a static embedder) instead of `"socket"`: its index as people use it. `top` results of
each query come back as (path, first line, last line), and the seconds to index and to the first result.

Runs in the environment that `peers.py` makes; imports nothing of Petra.
"""

import http.client
import json
import socket
import sys
import time
from pathlib import Path

BATCH = 64


class Worker:
    """A model behind OpenAI's interface, as semble calls a model."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.dim = len(self._post(["x"])[0])

    def encode(self, texts, **_):
        import numpy as np

        if isinstance(texts, str):
            return np.array(self._post([texts])[0], dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        rows = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            for place, row in zip(some, self._post([texts[place] for place in some]), strict=True):
                rows[place] = row
        return np.array(rows, dtype=np.float32)

    def _post(self, texts):
        connection = http.client.HTTPConnection("localhost", timeout=600)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(self._path)
        body = json.dumps({"input": texts, "model": ""})
        connection.request(
            "POST", "/v1/embeddings", body, {"Content-Type": "application/json", "Host": "localhost"}
        )
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return [item["embedding"] for item in answer["data"]]


def main() -> None:
    from semble import SembleIndex
    from semble.index.create import create_index_from_path
    from semble.index.dense import load_model
    from semble.types import ContentType

    job = json.load(sys.stdin)
    folder = Path(job["folder"]).resolve()
    if "model" in job:
        model, name = load_model(job["model"])
    else:
        model, name = Worker(job["socket"]), "worker"
    started = time.perf_counter()
    bm25, semantic, chunks, manifest = create_index_from_path(
        folder, model=model, content=(ContentType.CODE,), display_root=folder
    )
    index = SembleIndex(model, bm25, semantic, chunks, name, root=folder, manifest=manifest)
    indexed = time.perf_counter() - started
    found, first = [], None
    for query in job["queries"]:
        results = index.search(query, top_k=job.get("top", 10))
        first = first or time.perf_counter() - started
        found.append([(r.chunk.file_path, r.chunk.start_line, r.chunk.end_line) for r in results])
    json.dump(
        {
            "found": found,
            "chunks": len(chunks),
            "files": sorted({chunk.file_path for chunk in chunks}),
            "index_s": indexed,
            "first_result_s": first,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
