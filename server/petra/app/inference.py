"""Which models a server has: the workers that run them, and those that a first start fetches."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AsyncExitStack

from pydantic import SecretStr

from petra import platform, telemetry
from petra.inference import catalogue
from petra.inference.addresses import is_address
from petra.inference.supervisor import Supervisor, WorkerSpec
from petra.knowledge.static import NAME as STATIC
from petra.settings import Settings


async def start_workers(
    settings: Settings, embedder: str, only: Collection[str] | None, stack: AsyncExitStack
) -> Supervisor:
    """The model workers, or only those of these names. They are not waited for."""
    supervisor = Supervisor(
        [spec for spec in _specs(settings, embedder) if only is None or spec.name in only],
        runtime_dir=platform.runtime_dir(settings.data_dir),
        models_dir=settings.models,
        log=telemetry.logger("petra.worker"),
    )
    stack.push_async_callback(supervisor.stop)
    await supervisor.start()
    return supervisor


def embedders(settings: Settings, model: str, suffix: str = "") -> tuple[WorkerSpec, WorkerSpec]:
    """The worker that embeds questions, and the one that embeds documents when nobody else wants the CPU."""
    arguments = _calibration(settings)
    return (
        WorkerSpec(f"embed{suffix}", "embed", model, args=arguments),
        WorkerSpec(f"embed-bulk{suffix}", "embed", model, idle_class=True, on_demand=True, args=arguments),
    )


def in_use(settings: Settings) -> dict[str, str]:
    """What the models that are set are used for, by name; an address is no name."""
    used = {settings.embedding_model: "embed", settings.model_path: "chat"}
    return {name: use for name, use in used.items() if not is_address(name)}


def fetched_unasked(settings: Settings) -> list[str]:
    """Models that a first start fetches: the small defaults, where they are the ones chosen; the static
    embedder is made of the embedder."""
    defaults = {entry.name for entry in catalogue.defaults()}
    chosen = [name for name in (settings.model_path, settings.embedding_model) if name in defaults]
    return [*chosen, STATIC] if settings.embedding_model in chosen else chosen


def retry(supervisor: Supervisor) -> Callable[[str], None]:
    """Start the workers that have waited for a model as soon as it is there."""

    def arrived(model: str) -> None:
        for name, state in supervisor.states().items():
            if state.model == model:
                supervisor.retry(name)

    return arrived


def revealed(secret: SecretStr | None) -> str | None:
    """A secret of the settings as it is."""
    return secret.get_secret_value() if secret else None


def _specs(settings: Settings, embedder: str) -> list[WorkerSpec]:
    """One that chats, those that embed, and one that reranks if wanted."""
    return [
        WorkerSpec(
            "chat",
            "chat",
            settings.model_path,
            args=_chat_arguments(settings),
            token=revealed(settings.model_token),
        ),
        *embedders(settings, embedder),
        *([WorkerSpec("rerank", "rerank", settings.rerank_model)] if settings.rerank_model else []),
    ]


def _chat_arguments(settings: Settings) -> tuple[str, ...]:
    values = {
        "--threads": settings.chat_threads,
        "--context": settings.context_tokens,
        "--parallel": settings.answers_at_once,
        "--kv-tokens": settings.chat_cache_tokens,
    }
    return (*(str(part) for pair in values.items() for part in pair), *_calibration(settings))


def _calibration(settings: Settings) -> tuple[str, str]:
    """Where workers keep what they have measured of themselves."""
    return "--calibration", str(settings.data_dir / "calibration.json")
