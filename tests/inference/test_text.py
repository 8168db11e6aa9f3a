from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from petra.inference.worker.text import Writer


def written(pieces: list[bytes], stops: list[str]) -> tuple[str, bool]:
    writer = Writer(stops)
    text = "".join(writer.feed(piece) for piece in pieces)
    return text + writer.finish(), writer.stopped


def test_an_emoji_spread_over_tokens_is_sent_whole() -> None:
    writer = Writer()
    sent = [writer.feed(bytes([byte])) for byte in "🦊".encode()]
    assert sent == ["", "", "", "🦊"]


def test_a_stop_string_spread_over_three_tokens_is_never_sent() -> None:
    writer = Writer(["<stop>"])
    assert [writer.feed(piece) for piece in (b"fox <s", b"to", b"p> crow")] == ["fox ", "", ""]
    assert writer.stopped and writer.finish() == ""


def test_what_only_began_like_a_stop_string_is_sent_after_all() -> None:
    writer = Writer(["\nUser:"])
    assert writer.feed(b"a\nUs") == "a"
    assert writer.feed(b"ually") == "\nUsually"


@given(
    st.text(alphabet="ab\né🦊", max_size=30),
    st.lists(st.text(alphabet="ab\né", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_how_the_bytes_are_cut_changes_nothing(text: str, stops: list[str], cuts: list[int]) -> None:
    data = text.encode()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in pairwise(places)]
    found, stopped = written(pieces, stops)
    first = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    assert stopped == bool(first)
    if not stopped:
        assert found == text
    else:
        # Cut differently, another of two overlapping stop strings may be complete first.
        assert text.startswith(found) and not any(stop in found for stop in stops)
