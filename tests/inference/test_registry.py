"""Several models in one worker: found by name, loaded when asked for, unloaded when idle."""

import asyncio
import threading

import pytest

from petra.errors import ModelFileError, NotFound
from petra.inference.worker.registry import Listed, Model, Registry
from tests.inference.scripted import Scripted


class Shelf:
    """Loads of one model: `count` so far; each waits for `ready`, and fails while `broken`."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.ready.set()
        self.broken = False
        self.engines: list[Scripted] = []
        self.count = 0

    def load(self) -> Scripted:
        self.count += 1
        assert self.ready.wait(10)
        if self.broken:
            raise ModelFileError("It is damaged")
        self.engines.append(Scripted(name="large"))
        return self.engines[-1]


async def found(registry: Registry, name: str | None) -> Model:
    async with registry.use(name) as model:
        return model


async def until(state: bool, registry: Registry) -> None:
    """Wait until the large model is loaded, or is not."""
    async with asyncio.timeout(10):
        while ("large" in registry.health()["loaded"]) != state:
            await asyncio.sleep(0.005)


async def test_one_model_takes_any_name() -> None:
    small = Scripted(name="small")
    registry = Registry(small)
    for name in (None, "small", "gpt-4"):
        assert await found(registry, name) == Model("small", small)


async def test_of_several_each_has_its_name() -> None:
    small, shelf = Scripted(name="small"), Shelf()
    registry = Registry(small, {"large": shelf.load}, adapters={"tutor": "small", "poet": "large"})
    assert await found(registry, None) == Model("small", small)
    assert await found(registry, "tutor") == Model("tutor", small, "tutor")
    assert shelf.count == 0
    assert await found(registry, "poet") == Model("poet", shelf.engines[0], "poet")
    with pytest.raises(NotFound, match=r"'gpt-4'.*small, large, tutor, poet"):
        await found(registry, "gpt-4")


async def test_an_adapter_alone_makes_names_count() -> None:
    with pytest.raises(NotFound):
        await found(Registry(Scripted(name="small"), adapters={"tutor": "small"}), "other")


async def test_many_who_ask_at_once_wait_for_one_load_and_hold_up_nobody() -> None:
    shelf = Shelf()
    shelf.ready.clear()
    registry = Registry(Scripted(name="small"), {"large": shelf.load})
    asking = [asyncio.create_task(found(registry, "large")) for _ in range(10)]
    await found(registry, None)
    assert registry.health()["loaded"] == ["small"]
    shelf.ready.set()
    assert {model.engine for model in await asyncio.gather(*asking)} == {shelf.engines[0]}
    assert shelf.count == 1


async def test_one_of_several_who_wait_may_leave() -> None:
    shelf = Shelf()
    shelf.ready.clear()
    registry = Registry(Scripted(name="small"), {"large": shelf.load})
    leaving, staying = [asyncio.create_task(found(registry, "large")) for _ in range(2)]
    await asyncio.sleep(0)
    leaving.cancel()
    shelf.ready.set()
    assert (await staying).engine is shelf.engines[0]
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_model_that_cannot_be_loaded_is_tried_again_by_the_next() -> None:
    shelf = Shelf()
    shelf.broken = True
    registry = Registry(Scripted(name="small"), {"large": shelf.load})
    answers = await asyncio.gather(*(found(registry, "large") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ModelFileError] * 3 and shelf.count == 1
    shelf.broken = False
    assert (await found(registry, "large")).engine is shelf.engines[0]


async def test_an_idle_model_is_unloaded_and_loaded_again() -> None:
    shelf = Shelf()
    registry = Registry(small := Scripted(name="small"), {"large": shelf.load}, idle_unload_s=0.01)
    await found(registry, "large")
    await until(False, registry)
    await found(registry, "large")
    assert shelf.count == 2 and shelf.engines[0].closed and not small.closed
    await registry.close()


async def test_a_model_in_use_stays() -> None:
    shelf = Shelf()
    registry = Registry(Scripted(name="small"), {"large": shelf.load}, idle_unload_s=0.01)
    async with registry.use("large"):
        await found(registry, "large")
        await asyncio.sleep(0.05)
        assert not shelf.engines[0].closed
    await until(False, registry)
    await registry.close()


async def test_a_model_whose_askers_left_before_it_came_is_unloaded_too() -> None:
    shelf = Shelf()
    shelf.ready.clear()
    registry = Registry(Scripted(name="small"), {"large": shelf.load}, idle_unload_s=0.01)
    asking = asyncio.create_task(found(registry, "large"))
    await asyncio.sleep(0)
    asking.cancel()
    shelf.ready.set()
    await until(True, registry)
    await until(False, registry)
    await registry.close()


async def test_without_a_time_nothing_is_unloaded_and_the_end_closes_all() -> None:
    shelf = Shelf()
    registry = Registry(small := Scripted(name="small"), {"large": shelf.load})
    await found(registry, "large")
    await asyncio.sleep(0.02)
    assert registry.health()["loaded"] == ["small", "large"]
    await registry.close()
    assert small.closed and shelf.engines[0].closed


async def test_the_end_waits_for_a_model_that_is_being_loaded() -> None:
    shelf = Shelf()
    shelf.ready.clear()
    registry = Registry(Scripted(name="small"), {"large": shelf.load})
    asking = asyncio.create_task(found(registry, "large"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(registry.close())
    await asyncio.sleep(0)
    shelf.ready.set()
    await closing
    await asking
    assert shelf.engines[0].closed


async def test_all_names_are_listed_with_what_is_known_of_them() -> None:
    shelf = Shelf()
    registry = Registry(Scripted(name="small"), {"large": shelf.load}, adapters={"poet": "large"})
    assert registry.listed() == [
        Listed("small", None, 2048),
        Listed("large", None, None),
        Listed("poet", "large", None),
    ]
    await found(registry, "poet")
    assert registry.listed()[2] == Listed("poet", "large", 2048)


async def test_health_is_that_of_all_together() -> None:
    shelf = Shelf()
    registry = Registry(Scripted(name="small"), {"large": shelf.load})
    assert (registry.health()["busy"], registry.health()["progress_age_s"]) == (False, 0.0)
    async with registry.use("large") as model:
        events = model.engine.generate(None)  # type: ignore[arg-type]
        await anext(events)
        assert (registry.health()["busy"], registry.health()["progress_age_s"]) == (True, 1.5)
        await events.aclose()
    assert registry.health()["served"] == 1


async def test_a_model_that_cannot_be_closed_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.inference.worker.registry.CLOSING_SECONDS", 0.01)
    shelf = Shelf()
    registry = Registry(small := Scripted(name="small"), {"large": shelf.load}, idle_unload_s=0.01)
    for close in (_fails, asyncio.Event().wait):
        engine = (await found(registry, "large")).engine
        monkeypatch.setattr(engine, "close", close)
        await until(False, registry)
    assert (await found(registry, "large")).engine is shelf.engines[2]
    monkeypatch.setattr(shelf.engines[2], "close", _fails)
    monkeypatch.setattr(small, "close", _fails)
    async with asyncio.timeout(5):
        await registry.close()


async def _fails() -> None:
    raise RuntimeError("It cannot be freed")
