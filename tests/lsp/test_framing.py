from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petra.lsp.framing import MAX_BODY, FrameDecoder, FrameError, frame


def decode(*pieces: bytes) -> list[bytes]:
    decoder, bodies = FrameDecoder(), []
    for piece in pieces:
        decoder.feed(piece)
        while (body := decoder.next_body()) is not None:
            bodies.append(body)
    return bodies


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5), st.data())
def test_bodies_come_out_as_they_went_in_however_the_bytes_are_cut(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame(body) for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decode(*pieces) == bodies


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_bodies_or_a_frame_error(stream: bytes) -> None:
    try:
        decode(stream)
    except FrameError:
        return


def test_content_type_and_case_of_names_are_accepted() -> None:
    header = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:2\r\n\r\n{}"
    assert decode(header) == [b"{}"]


@pytest.mark.parametrize(
    "stream",
    [
        b"Content-Length: 2\n\n{}",
        b"Content-Length: 22\n\r\n{}",
        b"Content-Length: -2\r\n\r\n",
        b"Content-Length: \xb2\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Type: application/vscode-jsonrpc\r\n\r\n{}",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-16\r\nContent-Length: 2\r\n\r\n{}",
        b"Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"Content-Length: 000000002\r\n\r\n{}",
        b"C" * 300,
        b"{",
    ],
)
def test_what_is_not_a_header_of_lsp_is_refused(stream: bytes) -> None:
    with pytest.raises(FrameError):
        decode(stream)


def test_a_begun_frame_is_known() -> None:
    decoder = FrameDecoder()
    assert not decoder.partial
    decoder.feed(b"Content-Length: 2\r\n\r\n{")
    assert decoder.next_body() is None
    assert decoder.partial
    decoder.feed(b"}")
    assert decoder.next_body() == b"{}"
    assert not decoder.partial
