"""What a person has set for Petra in the editor: section `petra` of its settings.

Pulled by `workspace/configuration` where the editor can, otherwise taken from `initializationOptions.petra`
and `workspace/didChangeConfiguration`. A value that does not fit is told once and its default stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from petra import telemetry
from petra.lsp.feature import Method
from petra.lsp.params import camel

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

SECTION = "petra"


@dataclass(frozen=True)
class Preferences:
    """Petra's settings in an editor, in their camelCase there; None leaves it to the server."""

    collections: tuple[str, ...] | None = None
    """Names of the collections that questions are asked of."""

    model: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    inline_completion: bool = True
    inline_completion_in_comments: bool = False
    """Whether anything is suggested in comments and strings."""


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError("a list of names")
    return tuple(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def _temperature(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 2:
        raise ValueError("a number from 0 to 2")
    return float(value)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "collections": _names,
    "model": _name,
    "temperature": _temperature,
    "top_k": _whole(1, 100),
    "max_tokens": _whole(1, 32768),
    "inline_completion": _flag,
    "inline_completion_in_comments": _flag,
}


def read(section: Any) -> tuple[Preferences, list[str]]:
    """The preferences in `section`, and what is wrong with those that are at their default instead."""
    if section is None:
        return Preferences(), []
    if not isinstance(section, dict):
        return Preferences(), ["they have to be an object"]
    names = {camel(field.name): field.name for field in fields(Preferences)}
    given: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in section.items():
        if key not in names:
            problems.append(f"there is no {SECTION}.{key[:64]}")
        elif value is not None:
            try:
                given[names[key]] = _READERS[names[key]](value)
            except ValueError as error:
                problems.append(f"{SECTION}.{key} has to be {error}")
    return Preferences(**given), problems


class Configuration:
    """Keeps `current` as the editor has it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: list[str] = []
        self.current = Preferences()

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (
            Method(types.INITIALIZE, "use_editor", self._initialize),
            Method(types.INITIALIZED, "use_editor", self._initialized),
            Method(types.WORKSPACE_DID_CHANGE_CONFIGURATION, "use_editor", self._did_change),
        )

    def _initialize(self, params: types.InitializeParams) -> None:
        options = params.initialization_options
        if isinstance(options, dict) and isinstance(options.get(SECTION), dict):
            # Whoever came with a token has shown it; it is no preference.
            given = {key: value for key, value in options[SECTION].items() if key != "token"}
            self._take(given)

    async def _initialized(self, _: types.InitializedParams) -> None:
        workspace = self._session.client.workspace
        changes = workspace and workspace.did_change_configuration
        if changes and changes.dynamic_registration:
            await self._register()
        if workspace and workspace.configuration:
            await self._pull()

    async def _did_change(self, params: types.DidChangeConfigurationParams) -> None:
        workspace = self._session.client.workspace
        if workspace and workspace.configuration:
            await self._pull()
        elif isinstance(params.settings, dict):
            self._take(params.settings.get(SECTION))

    async def _register(self) -> None:
        """Ask to be told of changes: an editor that registers dynamically says nothing unasked."""
        registration = types.Registration(
            id="petra-configuration",
            method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options=types.DidChangeConfigurationRegistrationOptions(section=SECTION),
        )
        await self._request(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([registration]))

    async def _pull(self) -> None:
        wanted = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
        sections = await self._request(types.WORKSPACE_CONFIGURATION, wanted)
        if isinstance(sections, Sequence) and len(sections) == 1:
            self._take(sections[0])

    async def _request(self, method: str, params: Any) -> Any:
        try:
            return await self._session.request(method, params)
        except (JsonRpcException, TimeoutError) as error:
            log.info("lsp_editor_did_not_answer", method=method, error=type(error).__name__)
            return None

    def _take(self, section: Any) -> None:
        self.current, problems = read(section)
        if problems and problems != self._told:
            text = f"Petra's settings in this editor: {'; '.join(problems)}. The defaults stand instead."
            self._session.show(types.MessageType.Warning, text)
        self._told = problems
