"""Opening a version of the index beside the one in use, with workers of its own when its model is another."""

from __future__ import annotations

from collections.abc import Callable

from petra.inference.supervisor import Supervisor, WorkerSpec
from petra.knowledge.index import Indexes
from petra.knowledge.space import Space, Staged
from petra.storage.index_versions import IndexVersion

ROLES = ("embed", "embed-bulk")
"""The workers that embed questions and passages, by the names that everybody uses."""


class Stage:
    """`indexes` opens a version's files; `specs` says which workers a model takes, for both roles, under
    names that end in the version."""

    def __init__(
        self,
        supervisor: Supervisor,
        indexes: Callable[[IndexVersion], Indexes],
        specs: Callable[[str, str], tuple[WorkerSpec, WorkerSpec]],
    ) -> None:
        self._supervisor = supervisor
        self._indexes = indexes
        self._specs = specs

    def first(self, version: IndexVersion) -> Space:
        """The space of a start, whose workers run already."""
        return self._space(version, self._indexes(version), *ROLES)

    def beside(self, version: IndexVersion, current: Space) -> Staged:
        """A version that is to replace `current`."""
        if version.model_id == current.version.model_id:
            space = self.first(version)
            return Staged(space, lambda: space, _nothing)
        specs = self._specs(version.model_id, version.folder)
        for spec in specs:
            self._supervisor.add(spec)
        names = [spec.name for spec in specs]
        space = self._space(version, self._indexes(version), *names)

        def promote() -> Space:
            for role, name in zip(ROLES, names, strict=True):
                self._supervisor.replace(role, name)
            return self._space(version, space.indexes, *ROLES)

        async def drop() -> None:
            for name in names:
                await self._supervisor.remove(name)

        return Staged(space, promote, drop)

    def _space(self, version: IndexVersion, indexes: Indexes, query: str, bulk: str) -> Space:
        use, model = self._supervisor.use, version.model_id
        return Space(version, indexes, lambda: use(query, of=model), lambda: use(bulk, of=model))


async def _nothing() -> None:
    """There are no workers to end."""
