"""What a door can do for the person who comes in by it: the same parts for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from petra.assistant.assistant import Assistant
from petra.assistant.completion.completing import Completing
from petra.assistant.definitions import Definitions
from petra.assistant.library import Library
from petra.assistant.offered import Offered
from petra.assistant.recall import Recall
from petra.assistant.status import Health
from petra.assistant.work import Work


@dataclass(frozen=True)
class Services:
    """Answers, what they are made of, what is left of them, and how it all goes. `app/` fills it in."""

    assistant: Assistant
    library: Library
    definitions: Definitions
    recall: Recall
    work: Work
    offered: Offered
    health: Health
    completing: Completing | None = None
