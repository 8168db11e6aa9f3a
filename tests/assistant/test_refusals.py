"""What is refused before anything is computed or recorded."""

import pytest

from petra.access import Identity
from petra.errors import BadRequest, NotFound, PetraError, TooLarge
from petra.messages import AskRequest
from petra.storage import conversations
from tests.api.rig import rig


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (AskRequest(question=" \n"), BadRequest),
        (AskRequest(question="x" * 20_001), TooLarge),
        (AskRequest(question="x", selection="y" * 20_001), TooLarge),
        (AskRequest(question="x", max_tokens=0), BadRequest),
        (AskRequest(question="x", temperature=-0.1), BadRequest),
        (AskRequest(question="x", conversation_id="nobody's"), NotFound),
        (AskRequest(question="x", collections=("nobody's",) * 5000), NotFound),
    ],
)
async def test_senseless_questions_leave_nothing_behind(request_: AskRequest, expected: type[PetraError]):
    async with rig() as server:
        petra = server.petra
        with pytest.raises(expected) as refused:
            await petra.assistant.start(Identity(petra.owner_id, "owner"), request_)
        assert refused.value.remedy
        async with petra.db.read() as conn:
            assert await conversations.list_for(conn, petra.owner_id) == []
