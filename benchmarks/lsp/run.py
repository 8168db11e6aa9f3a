"""What the language server costs: a keystroke, a start, sixty clients beside bare pygls, a session's memory.

    make bench-lsp                       a table
    make bench-lsp ARGS="--json"         the same figures for a script
    make bench-lsp ARGS="--loaded"       that while eight answers stream and a folder is indexed, and hover

A keystroke is a `didChange` followed by a request for a method that does not exist; its time, the reply's
way back included, is from the first byte sent to the last received, in a document of 2,000 lines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from petra import rendezvous

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "start"))
import askers
import cancels
import completions
import processes
from client import URI, Client

FOLDER = Path(__file__).parent
LINES = 2000
LINE = "def function(argument):  # a line as lines are\n"
CLIENTS, EDITS = 60, 200
SHORT = 200
"""Lines of the documents of the sixty. (The longer they are, the worse for pygls, which copies them.)"""

AIMS = {
    "keystroke p50 (ms)": 2.0,
    "keystroke p99 (ms)": 10.0,
    "keystroke while busy p50 (ms)": 2.0,
    "keystroke while busy p99 (ms)": 10.0,
    "hover while busy p99 (ms)": 25.0,
    "initialize, server running (ms)": 150.0,
    "60 clients x 200 edits, of pygls' time": 1.3,
    "inline completion beside the model p50 (ms)": 15.0,
    "inline completion beside the model p99 (ms)": 15.0,
    "cancelled, model free p95 (ms)": 300.0,
    "memory of a session (KiB)": 1024.0,
}


@contextmanager
def sessions(kind: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server of `sessions.py` until the block ends: its port and process."""
    command = [sys.executable, str(FOLDER / "sessions.py"), kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline()), psutil.Process(process.pid)
    finally:
        process.kill()
        process.communicate()


async def connect(port: int, lines: int) -> Client:
    """A client with an open document."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.open(LINE * lines)
    return client


async def keystrokes(client: Client, count: int) -> list[float]:
    """Milliseconds for each of `count` keystrokes, typed at 50 a second."""
    times: list[float] = []
    for number in range(count):
        began = time.perf_counter()
        client.type(LINES // 2, number % 40, "x")
        await client.call("bench/none")
        times.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(max(0.0, 0.02 - times[-1] / 1000))
    return times


async def hovers(client: Client, count: int) -> list[float]:
    """Milliseconds for each of `count` cards of the word under the pointer, twenty a second."""
    times: list[float] = []
    for number in range(count):
        place = {"line": number % LINES, "character": 6}
        began = time.perf_counter()
        await client.call("textDocument/hover", {"textDocument": {"uri": URI}, "position": place})
        times.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.05)
    return times


async def classroom(port: int) -> float:
    """Seconds until 60 clients have made 200 edits each and have their own text back, unmixed."""
    clients = [await connect(port, SHORT) for _ in range(CLIENTS)]

    async def work(number: int, client: Client) -> None:
        for edit in range(EDITS):
            client.type(number, 0, "ab"[edit % 2])
            if edit % 20 == 19:
                await client.call("bench/none")
        text = (await client.call("bench/text", {"uri": URI}))["result"]
        assert text.splitlines()[number].startswith("ba" * (EDITS // 2) + "def"), "texts were crossed"

    began = time.perf_counter()
    await asyncio.gather(*(work(number, client) for number, client in enumerate(clients)))
    elapsed = time.perf_counter() - began
    for client in clients:
        client.close()
    return elapsed


def quiet(figures: dict[str, float], count: int) -> None:
    """Keystrokes with nobody else there, and the weight of a session."""
    with sessions("petra") as (port, process):

        async def measure() -> None:
            first = await connect(port, LINES)
            times = await keystrokes(first, count)
            before = process.memory_info().rss
            others = [await connect(port, 1) for _ in range(CLIENTS)]
            await asyncio.gather(*(client.call("bench/none") for client in others))
            each = (process.memory_info().rss - before) / CLIENTS
            quantiles(figures, "keystroke", times)
            figures["memory of a session (KiB)"] = each / 1024

        asyncio.run(measure())


def beside_pygls(figures: dict[str, float], runs: int) -> None:
    """Sixty clients at each server, by turns; the median of the ratios, and each side's median.

    The server's processor time is there too: other work on the machine leaves it alone.
    """
    elapsed: dict[str, list[float]] = {"petra": [], "pygls": []}
    worked: dict[str, list[float]] = {"petra": [], "pygls": []}
    for _ in range(runs):
        for kind, times in elapsed.items():
            with sessions(kind) as (port, process):
                times.append(asyncio.run(classroom(port)))
                used = process.cpu_times()
                worked[kind].append(used.user + used.system)
    for kind, times in elapsed.items():
        figures[f"60 clients x 200 edits, {kind} (s)"] = statistics.median(times)
        figures[f"  processor time of {kind}, start included (s)"] = statistics.median(worked[kind])
    pairs = zip(elapsed["petra"], elapsed["pygls"], strict=True)
    figures["60 clients x 200 edits, of pygls' time"] = statistics.median(a / b for a, b in pairs)


def starting(figures: dict[str, float], runs: int) -> None:
    """`initialize` through the forwarder, with a server that runs."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        data_dir = Path(folder)
        with processes.serve(data_dir, workers=False):
            times = []
            for _ in range(runs):
                with processes.forwarder(data_dir) as (_, elapsed):
                    times.append(1000 * elapsed)
    figures["initialize, server running (ms)"] = statistics.median(times)


def completing(figures: dict[str, float], count: int) -> None:
    """Suggestions at the cursor, without what the model takes, with a folder in the index."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        quantiles(figures, "inline completion beside the model", completions.measure(Path(folder), count))


def cancelling(figures: dict[str, float], count: int) -> None:
    """From `$/cancelRequest` until the chat model has nothing to do."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        times = sorted(cancels.measure(Path(folder), count))
    figures["cancelled, model free p50 (ms)"] = statistics.median(times)
    figures["cancelled, model free p95 (ms)"] = times[int(0.95 * len(times))]


@contextmanager
def streaming(running: rendezvous.Running) -> Iterator[Callable[[], int]]:
    """Eight answers at a time until the block ends; gives what tells how many parts have come."""
    command = [sys.executable, str(FOLDER / "askers.py"), running.lsp, running.version, running.token]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = [0]

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            told.append(int(line))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield lambda: told[-1]
    finally:
        process.kill()
        thread.join()
        process.communicate()


def busy(figures: dict[str, float], count: int) -> None:
    """Keystrokes at a real server while eight answers stream and a folder is indexed."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder, processes.serve(Path(folder)):
        running = rendezvous.read(Path(folder))
        assert running

        async def measure() -> None:
            typist = await askers.enter(running.lsp, running.version, running.token)
            await typist.open(LINE * LINES)
            with streaming(running) as parts:
                root = FOLDER.parents[1] / "server"
                command = [sys.executable, "-m", "petra", "index", str(root), "--data-dir", folder]
                index = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
                await asyncio.sleep(2)
                before, began = parts(), time.perf_counter()
                quantiles(figures, "keystroke while busy", await keystrokes(typist, count))
                quantiles(figures, "hover while busy", await hovers(typist, count // 4))
                figures["parts of answers a second, meanwhile"] = (parts() - before) / (
                    time.perf_counter() - began
                )
                if index.returncode is None:
                    index.kill()
                await index.wait()

        asyncio.run(measure())


def quantiles(figures: dict[str, float], name: str, times: list[float]) -> None:
    """Add the median and the 99th percentile."""
    ordered = sorted(times)
    figures[f"{name} p50 (ms)"] = statistics.median(ordered)
    figures[f"{name} p99 (ms)"] = ordered[int(0.99 * len(ordered))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--loaded", action="store_true")
    parser.add_argument("--only-loaded", action="store_true", help="no other row")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keystrokes", type=int, default=1000)
    given = parser.parse_args()
    figures: dict[str, float] = {}
    if not given.only_loaded:
        quiet(figures, given.keystrokes)
        beside_pygls(figures, given.runs)
        starting(figures, given.runs)
        completing(figures, given.keystrokes // 5)
        cancelling(figures, given.keystrokes // 25)
    if given.loaded or given.only_loaded:
        busy(figures, given.keystrokes)
    if given.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        aim = AIMS.get(name)
        print(f"{name:<44}{value:>10.2f}" + ("" if aim is None else f"   aim {aim:g}"))


if __name__ == "__main__":
    main()
