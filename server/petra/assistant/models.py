"""Which model answers: the one that is set, or another that its endpoint serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from petra.errors import NotFound
from petra.inference.client import ModelEndpoint
from petra.inference.supervisor import Waiting


class Models:
    """The chat models of one server. `chat` gives the endpoint of the one that is set, and says meanwhile
    why it has to be waited for."""

    def __init__(self, chat: Callable[[Waiting], Awaitable[ModelEndpoint]]) -> None:
        self._chat = chat
        self._others: dict[tuple[str, str], ModelEndpoint] = {}

    async def use(self, name: str | None, waiting: Waiting = lambda why: None) -> ModelEndpoint:
        """The endpoint that answers as `name`, or as the model that is set. `waiting` is told why that
        takes a while. Raises NotFound for one that it does not serve, ModelUnavailable."""
        endpoint = await self._chat(waiting)
        if name is None or name == endpoint.model:
            return endpoint
        key = (endpoint.address, name)
        if key not in self._others:
            served = await endpoint.models()
            if name not in served:
                raise NotFound(
                    f"The model {name[:80]!r} does not answer here",
                    cause=f"There is {', '.join(served[:8])}",
                    remedy="Choose one of these, or set MODEL_PATH and start Petra again",
                )
            self._others[key] = endpoint.serving(name)
        return self._others[key]

    async def served(self) -> list[str]:
        """The names that `use` takes. Raises ModelUnavailable."""
        return await (await self.use(None)).models()

    async def close(self) -> None:
        """Close the connections to other models than the one that is set, which is its owner's."""
        for endpoint in self._others.values():
            await endpoint.close()
