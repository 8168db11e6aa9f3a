"""Row 53, asked while the model that was killed is started again: a person reads that, and gets an answer."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
from pathlib import Path

from tests.assistant.test_worker_killed import parts_of
from tests.inference import gguf_files
from tests.lsp.desk import desk
from tests.restarting import AGAIN, killed_and_held
from tests.serving import environment, petra, served

QUESTION = "What does paging divide?"


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows, as far as `text`."""
    shown = b""
    while text.encode() not in shown:
        shown += os.read(terminal, 4096)  # OSError when the command has ended without it
    return shown.decode()


def test_over_http_and_in_the_shell(tmp_path: Path) -> None:
    model = gguf_files.echo(tmp_path / "echo.gguf")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "paging.md").write_text("Paging divides memory into frames. " * 8)
    with served(tmp_path / "data", MODEL_PATH=str(model), RERANK_THRESHOLD="-1") as server:
        server.wait_until_ready()
        where = ("--data-dir", str(server.data_dir))
        subprocess.run(
            petra("index", str(notes), *where),
            env=environment(),
            check=True,
            capture_output=True,
            timeout=120,
        )
        again = killed_and_held(lambda: server.request("GET", "/api/v1/status")["workers"]["chat"])
        terminal, end = pty.openpty()
        with subprocess.Popen(
            petra("ask", QUESTION, *where), env=environment(), stdout=subprocess.PIPE, stderr=end
        ) as asked:
            os.close(end)
            try:
                parts = (item["part"] for item in parts_of(server, QUESTION))
                assert next(parts)["stage"] == "retrieving"
                assert next(parts) == {"kind": "status", "stage": "queued", "message": AGAIN}
                assert f"\r\x1b[K{AGAIN} …" in read_until(terminal, AGAIN + " …")
            finally:
                os.kill(again, signal.SIGCONT)
            rest = list(parts)
            assert rest[0]["kind"] == "source" and rest[-1]["finish_reason"] in ("stop", "length")
            text, _ = asked.communicate(timeout=60)
            os.close(terminal)
        assert asked.returncode == 0 and b"Sources:" in text


async def test_in_an_editor(tmp_path: Path) -> None:
    model = gguf_files.echo(tmp_path / "echo.gguf")
    async with desk(model_path=str(model)) as opened, opened.caller() as client:
        health = opened.rig.petra.services.health
        await opened.rig.petra.supervisor.use("chat")
        again = await asyncio.to_thread(killed_and_held, lambda: health.state()["workers"]["chat"])
        client.request(99, "petra/ask", {"question": "What guards the run queue?", "workDoneToken": "w"})
        progress = ""
        try:
            async with asyncio.timeout(60):
                while progress != AGAIN:
                    message = await client.receive()
                    assert message and message.get("id") != 99, message
                    if message["method"] == "$/progress":
                        progress = message["params"]["value"].get("message", "")
        finally:
            os.kill(again, signal.SIGCONT)
        _, reply = await client.until_reply(99)
        assert reply["result"]["finish_reason"] in ("stop", "length")
