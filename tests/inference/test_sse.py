from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.errors import ModelUnavailable
from petra.inference.sse import EVENT_LIMIT, Decoder, Event

STREAM = (
    'event: queue\r\ndata: {"position": 1}\r\n\r\n: alive\n\ndata: fôo\ndata:bar\n\ndata: [DONE]\r\rid: 7\n\n'
)
EVENTS = [Event("queue", '{"position": 1}'), Event("message", "fôo\nbar"), Event("message", "[DONE]")]


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=20))
def test_chunk_borders_change_nothing(cuts: list[int]) -> None:
    data = STREAM.encode()
    places = sorted({*cuts, 0, len(data)})
    decoder = Decoder()
    events = [event for a, b in pairwise(places) for event in decoder.feed(data[a:b])]
    assert events == EVENTS


def test_an_event_without_end_is_given_up() -> None:
    decoder = Decoder()
    with pytest.raises(ModelUnavailable):
        for _ in range(EVENT_LIMIT // 2**20 + 1):
            decoder.feed(b"x" * 2**20)
