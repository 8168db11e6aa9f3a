"""Suggests text at a cursor: asks who may, waits for the next keystroke, asks the model, trims its answer.

A `Typist` is one person in one editor. Their newest request is the only one: it cancels the one before,
down to the model's slot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import PurePath

from petra import telemetry
from petra.access import Identity
from petra.assistant.assistant import Assistant
from petra.assistant.completion.cursor import Cursor
from petra.assistant.completion.debounce import Debounce
from petra.assistant.completion.elsewhere import Elsewhere, Neighbours
from petra.assistant.completion.extent import TOKENS, Extent, extent
from petra.assistant.completion.finish import enough, finish
from petra.assistant.completion.prompt import MARKS, FillIn, build, room
from petra.assistant.completion.typed import Typed
from petra.assistant.library import Library
from petra.assistant.subject import may_be_quoted
from petra.errors import NotAllowed, PetraError
from petra.inference.capabilities import Capabilities
from petra.inference.client import ModelEndpoint
from petra.knowledge.extract.places import Places
from petra.knowledge.place import Place, guessed

PATIENCE = 0.008
"""Seconds that a suggestion waits for the syntax tree. Without it, lines are gone by."""
AT_ONCE = 0.5
"""Seconds that somebody waits who asks whether there are suggestions."""
MODEL_WORKS = 0.01
"""Seconds after which the model has been asked."""
SHORT = 50_000
"""Characters that are looked through for secrets in a millisecond or two: less than a thread costs that
other work keeps busy."""
LONGEST = 10.0
"""Seconds of an answer. What is there by then is shown."""
BELIEVED = 10.0
"""Seconds for which it is not asked anew what the model can and what rules a file is under."""
REMEMBERED = 16
"""Names of models, as people set them in their editors."""


@dataclass(frozen=True)
class Wanted:
    """What a person has set: the model (None: the one that answers), and whether to write in comments and
    strings too."""

    model: str | None = None
    prose: bool = False


@dataclass(frozen=True)
class Off:
    """Why nothing is suggested, where that does not change with the next keystroke."""

    why: str

    @classmethod
    def of(cls, error: PetraError) -> Off:
        """What an error says, in one line."""
        said = (error.what, error.cause, error.remedy)
        return cls(" ".join(f"{part.rstrip('.')}." for part in said if part))


Model = tuple[ModelEndpoint, Capabilities]


@dataclass(frozen=True)
class Rules:
    """What holds for a file: the collections that a teacher's rule may name, and why it is left out."""

    courses: tuple[str, ...]
    withheld: str | None


class Completing:
    """What all typists share: the model, the rules, what it takes."""

    def __init__(self, assistant: Assistant, library: Library, places: Places) -> None:
        self.assistant = assistant
        self.library = library
        self.places = places
        self.debounce = Debounce()
        self._known: dict[str | None, tuple[float, Model | Off]] = {}

    def typist(self, caller: Identity) -> Typist:
        """Somebody who begins to type."""
        return Typist(self, caller)

    async def model(self, name: str | None) -> Model | Off:
        """A model that fills in the middle; what is found is believed for a few seconds."""
        at, known = self._known.get(name, (0.0, None))
        if known is None or time.monotonic() - at > BELIEVED:
            known = await self._model(name)
            self._known.pop(name, None)
            self._known[name] = (time.monotonic(), known)
            while len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return known

    async def off(self) -> str:
        """Why nothing is suggested to anybody, "" where that is not so; as far as it is known at once."""
        try:
            async with asyncio.timeout(AT_ONCE):
                found = await self.model(None)
        except TimeoutError:
            return "The model is not there yet"
        return found.why if isinstance(found, Off) else ""

    async def _model(self, name: str | None) -> Model | Off:
        try:
            endpoint = await self.assistant.models.use(name)
            able = await endpoint.capabilities()
        except PetraError as error:
            return Off.of(error)
        if able.infill:
            return endpoint, able
        return Off(
            f"{endpoint.model or 'The model that answers'} has not learned to fill in the middle. "
            "Choose one that has, such as Qwen2.5-Coder-0.5B-Instruct"
        )


class Typist:
    """One person in one editor."""

    def __init__(self, shared: Completing, caller: Identity) -> None:
        self._shared = shared
        self._caller = caller
        self._elsewhere = Elsewhere(shared.library)
        self._typed = Typed()
        self._current: asyncio.Task[str | Off] | None = None
        self._rules: dict[str, tuple[float, Rules]] = {}

    async def suggest(
        self, cursor: Cursor, wanted: Wanted, neighbours: Callable[[], Neighbours]
    ) -> str | Off:
        """Text to insert, "" for none; also when a newer request came meanwhile. Raises ModelUnavailable,
        Busy."""
        if self._current:
            self._current.cancel()
        known = self._typed.rest(cursor)
        if known or (known is not None and cursor.automatic):
            if known:
                telemetry.completions_total.labels("typed_along").inc()
            return known
        task = self._current = asyncio.create_task(self._ask(cursor, wanted, neighbours))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        return "" if task.cancelled() else task.result()

    async def _ask(self, cursor: Cursor, wanted: Wanted, neighbours: Callable[[], Neighbours]) -> str | Off:
        began = time.perf_counter()
        pause = self._shared.debounce.seconds if cursor.automatic else 0.0
        model, reason, place = await asyncio.gather(
            self._shared.model(wanted.model), self._refused(cursor), self._place(cursor)
        )
        if isinstance(model, Off) or reason:
            return model if isinstance(model, Off) else Off(reason)
        wants = extent(cursor, place, prose=wanted.prose)
        if wants is None:
            return ""
        worked = time.perf_counter() - began
        if pause > worked:
            self._elsewhere.look(self._caller, cursor, neighbours)
            # The wait for the next keystroke; what was done until here is part of it.
            await asyncio.sleep(pause - worked)
        endpoint, able = model
        characters = room(able.context, able.prefill_tokens_per_s, TOKENS[wants])
        prompt = build(cursor, self._elsewhere.found(cursor), characters)
        asked = time.perf_counter()
        # Who asks is not made to wait for a search: it begins when the model works, for the next request.
        asyncio.get_running_loop().call_later(
            MODEL_WORKS, self._elsewhere.look, self._caller, cursor, neighbours
        )
        try:
            written = await self._written(endpoint, prompt, cursor, wants)
        except asyncio.CancelledError:
            self._shared.debounce.took_at_least(time.perf_counter() - asked)
            raise
        ended = time.perf_counter()
        self._shared.debounce.took(ended - asked)
        text = finish(written, cursor, wants)
        telemetry.completion_added_seconds.observe(worked + time.perf_counter() - ended)
        self._typed.suggested(cursor, text)
        if text:
            telemetry.completions_total.labels("made").inc()
        return text

    async def _written(self, endpoint: ModelEndpoint, prompt: FillIn, cursor: Cursor, wants: Extent) -> str:
        """What the model writes, as far as it is of use: more of it is not waited for."""
        written = ""
        parts = endpoint.fill_in(
            prompt.prefix, prompt.suffix, max_tokens=TOKENS[wants], user=self._caller.user_id
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST), aclosing(parts) as texts:
                async for text in texts:
                    written += text
                    if enough(written, cursor, wants):
                        break
        return written

    async def _place(self, cursor: Cursor) -> Place:
        name = PurePath(cursor.path).name
        found = await self._shared.places.at(
            name, cursor.before, cursor.after, PATIENCE, language=cursor.language
        )
        return found or guessed(cursor.before, MARKS.get(cursor.language, ""))

    async def _refused(self, cursor: Cursor) -> str:
        """Why this document is nothing for a model ("": it may be): a teacher's rule, a folder's, or a
        secret that it holds."""
        rules = await self._believed(cursor.path)
        try:
            await self._shared.assistant.allowed(self._caller, "complete", rules.courses, cursor.shown)
        except NotAllowed as error:
            return Off.of(error).why
        if rules.withheld:
            return f"Petra takes no part of {PurePath(cursor.path).name}: {rules.withheld}"
        if not await _may_be_quoted(cursor.path, cursor.before + cursor.after):
            return f"{PurePath(cursor.path).name} may hold secrets, or was made by a program"
        return ""

    async def _believed(self, path: str) -> Rules:
        at, rules = self._rules.get(path, (0.0, None))
        if rules is None or time.monotonic() - at > BELIEVED:
            library = self._shared.library
            courses = tuple(item.name for item in await library.collections(self._caller))
            rules = Rules(courses, await library.withheld(self._caller, path))
            self._rules = {path: (time.monotonic(), rules)}
        return rules


async def _may_be_quoted(path: str, text: str) -> bool:
    if len(text) <= SHORT:
        return may_be_quoted(path, text)
    return await asyncio.to_thread(may_be_quoted, path, text)
