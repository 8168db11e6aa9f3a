"""UTF-16, Latin-1 and what else people have on their disks reads as what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.knowledge.extract import sniff
from petra.knowledge.extract.extractor import Extractor

CODE = 'def größe(x):\n    return f"naïve {x} ÿ"\n'


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
async def test_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(CODE.replace("\n", "\r\n").encode(encoding))
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        (chunk,) = (await extractor.extract(path, "code.py")).chunks
    finally:
        await extractor.close()
    assert chunk.text == CODE.rstrip()
    assert chunk.lines == (1, 2)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gb18030", "# 打印\nprint('操作系统')\n"),
        ("big5", "作業系統管理電腦的資源。行程等待資源。\n"),
        ("shift_jis", "# オペレーティングシステムは資源を管理する。\nプロセスは待つ。\n"),
        ("euc_jp", "オペレーティングシステムはコンピュータの資源を管理する。\n"),
        ("cp949", "운영 체제는 컴퓨터 자원을 관리한다. 프로세스는 기다린다.\n"),
        ("cp1251", "# Процесс ждёт ресурса, который занят другим.\nint x;\n"),
        ("koi8-r", "Операционные системы: процесс ждёт ресурса, который занят другим.\n"),
        ("cp1253", "Λειτουργικά συστήματα: η διεργασία περιμένει\n"),
    ],
)
def test_other_scripts_are_known_by_their_letters(encoding: str, content: str) -> None:
    assert sniff.decode(content.encode(encoding)) == content


@pytest.mark.parametrize(
    "content",
    [
        "// Größe, Übung, Maß: Straße\nint groesse;\n",
        "C'est très intéressant, n'est-ce pas ? Déjà vu à l'école.\n",
        "El niño comió piñas mañana en la montaña.\n",
        "Smørrebrød på en ø, så længe det går.\n",
        "É",
        "naïve",
    ],
)
def test_western_text_is_not_taken_for_another_script(content: str) -> None:
    assert sniff.decode(content.encode("cp1252")) == content


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("iso8859_2", "# -*- coding: iso-8859-2 -*-"),
        ("cp1250", '<meta charset="windows-1250">'),
        ("cp1250", '<?xml version="1.0" encoding="windows-1250"?>'),
        ("latin9", "\\usepackage[latin9]{inputenc}"),
    ],
)
def test_what_a_text_says_of_itself_is_believed(encoding: str, head: str) -> None:
    content = f"{head}\nŠkoda žije.\n"
    assert sniff.decode(content.encode(encoding)) == content


@pytest.mark.parametrize("content", [bytes(range(128, 256)), b"\xff\xf8-A\xf3\xe2\xe0\xe1"])
def test_bytes_that_are_mostly_beyond_ascii_and_in_no_script_are_no_text(content: bytes) -> None:
    assert sniff.decode(content) is None
