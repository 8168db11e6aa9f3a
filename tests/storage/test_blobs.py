import asyncio
import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from petra.errors import NotFound, StorageError, TooLarge
from petra.storage.blobs import FileBlobs, Stored
from petra.storage.rows import new_id

LIMIT = 10_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def blobs(root: Path) -> FileBlobs:
    return FileBlobs(root)


async def pieces(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
async def test_a_blob_comes_back_as_it_was(blobs: FileBlobs, root: Path, size: int) -> None:
    content = os.urandom(size)
    upload = new_id()
    stored = await blobs.put(upload, "lecture.pdf", pieces(content), LIMIT)
    assert stored == Stored(size, hashlib.sha256(content).hexdigest())
    assert files(root) == [upload, f"{upload}/blob"]
    assert (await blobs.local_path(upload)).read_bytes() == content
    await blobs.delete(upload)
    await blobs.delete(upload)
    assert files(root) == []
    with pytest.raises(NotFound):
        await blobs.local_path(upload)


async def test_a_file_over_the_limit_leaves_nothing(blobs: FileBlobs, root: Path) -> None:
    given = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal given
        async for piece in pieces(bytes(5_000_000)):
            given += len(piece)
            yield piece

    with pytest.raises(TooLarge):
        await blobs.put(new_id(), "big", counted(), 2_000_000)
    assert files(root) == []
    assert given < 2_200_000, "what is over the limit is not read"
    assert (await blobs.put(new_id(), "fits", pieces(bytes(100)), 100)).size == 100


async def test_a_client_that_goes_away_leaves_nothing(blobs: FileBlobs, root: Path) -> None:
    async def gone() -> AsyncIterator[bytes]:
        yield bytes(2_000_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(new_id(), "lecture.pdf", gone(), LIMIT)
    assert files(root) == []


async def test_an_upload_that_is_cancelled_leaves_nothing(blobs: FileBlobs, root: Path) -> None:
    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1_500_000)
            await asyncio.sleep(0)

    for milliseconds in range(0, 10, 2):
        task = asyncio.create_task(blobs.put(new_id(), "lecture.pdf", slow(), 10**12))
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not root.exists() or files(root) == []


def fill_the_disk(root: Path) -> None:
    """Put /dev/full, the disk that is always full, in the place of the blob that is being written."""
    (part,) = root.glob("*/.part")
    handle = os.open("/dev/full", os.O_WRONLY)
    for name in Path("/proc/self/fd").iterdir():
        if name.exists() and name.resolve() == part.resolve():
            os.dup2(handle, int(name.name))
    os.close(handle)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and /proc are Linux")
async def test_a_full_disk_is_said_and_leaves_nothing(blobs: FileBlobs, root: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield bytes(10)
        await asyncio.to_thread(fill_the_disk, root)
        yield bytes(2_000_000)

    with pytest.raises(StorageError) as caught:
        await blobs.put(new_id(), "lecture.pdf", failing(), LIMIT)
    assert os.strerror(errno.ENOSPC) in caught.value.cause and "room" in caught.value.remedy
    assert files(root) == []


async def test_a_blob_is_never_overwritten(blobs: FileBlobs) -> None:
    upload = new_id()
    await blobs.put(upload, "a", pieces(b"first"), LIMIT)
    with pytest.raises(StorageError):
        await blobs.put(upload, "a", pieces(b"second"), LIMIT)
    assert (await blobs.local_path(upload)).read_bytes() == b"first"


@pytest.mark.parametrize("id", ["../x", "", "a/b", "0" * 31, "0" * 32 + "\n", "A" * 32])
async def test_only_a_generated_id_becomes_a_path(blobs: FileBlobs, id: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        await blobs.put(id, "a", pieces(b"x"), LIMIT)
    with pytest.raises(ValueError, match="hexadecimal"):
        await blobs.local_path(id)


UPLOADER = """
import asyncio, sys
from pathlib import Path
from petra.storage.blobs import FileBlobs
from petra.storage.rows import new_id

async def content():
    for _ in range(4):
        yield bytes(700_000)

async def main():
    blobs = FileBlobs(Path(sys.argv[1]))
    while True:
        upload = new_id()
        await blobs.put(upload, "x", content(), 10**9)
        print(upload, flush=True)

asyncio.run(main())
"""


async def test_kill_9_leaves_whole_blobs_and_the_rest_is_swept(blobs: FileBlobs, root: Path) -> None:
    def upload_and_die() -> list[str]:
        command = [sys.executable, "-c", UPLOADER, str(root)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        with process, process.stdout:
            acknowledged = [process.stdout.readline().strip() for _ in range(3)]
            os.kill(process.pid, signal.SIGKILL)
            rest = process.stdout.read().split("\n")
        return acknowledged + [id for id in rest if len(id) == 32]

    acknowledged = await asyncio.to_thread(upload_and_die)
    for upload in acknowledged:
        assert (await blobs.local_path(upload)).stat().st_size == 2_800_000
    await blobs.sweep(acknowledged[:2])
    assert sorted(path.name for path in root.iterdir()) == sorted(acknowledged[:2])
