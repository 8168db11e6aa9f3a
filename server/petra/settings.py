"""One `Settings`, read once: explicit arguments, then the environment, then `.env`, then defaults.

Nothing else in Petra reads the environment (`platform.default_data_dir` reads `DATA_DIR`, so that the
language server's forwarder can find the data directory without importing pydantic).
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from petra import platform
from petra.errors import SettingsError

MiB = 1024 * 1024


class Settings(BaseSettings):
    """Every setting with its default. Names are case-insensitive; sizes are bytes, times seconds.

    Raises SettingsError from `load`; built directly it raises pydantic's ValidationError.
    """

    model_config = SettingsConfigDict(case_sensitive=False, extra="forbid", frozen=True)

    mode: Literal["local", "prod"] = Field(
        "local", description="local: one person, one machine. prod: a classroom server."
    )
    host: str = Field("127.0.0.1", description="Address that HTTP and WebSocket listen on.")
    port: int = Field(7878, ge=0, le=65535, description="Port for HTTP and WebSocket; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="Address that people type, when a proxy stands in front."
    )
    data_dir: Path = Field(
        default_factory=platform.default_data_dir,
        description="Everything Petra keeps: database, uploads, indexes, run.json.",
    )
    models_dir: Path | None = Field(None, description="Model files. Default: see `petra config`.")
    uploads_dir: Path | None = Field(None, description="Uploaded files. Default: DATA_DIR/uploads.")
    faiss_index_dir: Path | None = Field(
        None, description="Search indexes, rebuilt when lost. Default: DATA_DIR/indexes."
    )
    database_url: SecretStr | None = Field(
        None,
        description="sqlite+aiosqlite:///… or postgresql+psycopg://… . Default: a SQLite file.",
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs the sessions of browsers, 32 characters or more. Needed in prod only."
    )
    s3_endpoint: str | None = Field(None, description="S3 address for uploads in prod.")
    s3_bucket: str | None = Field(None, description="S3 bucket for uploads.")
    s3_access_key: SecretStr | None = Field(None, description="S3 access key.")
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret key.")
    s3_region: str | None = Field(None, description="S3 region.")

    model_path: str = Field(
        "SmolLM2-135M-Instruct",
        description="Chat model: a name from `petra models list`, a GGUF file, or the http(s):// or "
        "unix: address of an OpenAI-compatible server.",
    )
    model_token: SecretStr | None = Field(
        None, description="Bearer token for a chat model that is an address."
    )
    embedding_model: str = Field(
        "all-MiniLM-L6-v2",
        description="Embedder: a name from `petra models list`, a sentence-transformers folder, or an "
        "address. `petra reindex --model NAME` changes it without a gap.",
    )
    chat_threads: int = Field(
        0, ge=0, le=256, description="Threads for the chat model; 0: one per physical core."
    )
    context_tokens: int = Field(
        4096,
        ge=512,
        le=1 << 20,
        description="Context of the chat model, at most what it was trained for.",
    )
    chat_answers: int = Field(
        0, ge=0, le=200, description="Answers that the chat model writes at once; 0: 4, with MODE=prod 32."
    )
    chat_cache_tokens: int = Field(
        0,
        ge=0,
        le=1 << 24,
        description="Tokens that the chat model keeps in its cache for all answers together; 0: "
        "CONTEXT_TOKENS and 1024 for each further answer.",
    )
    max_answer_tokens: int = Field(512, ge=1, le=32768, description="Longest answer, in the model's tokens.")
    answer_timeout: float = Field(300.0, gt=0, description="Longest time for one answer, in seconds.")
    first_token_target: float = Field(
        5.0,
        gt=0,
        description="Seconds to the first token that passages may cost; limits how many are quoted.",
    )

    chunk_size: int = Field(
        200, ge=32, le=4096, description="Longest chunk of prose, in the embedder's tokens."
    )
    chunk_overlap: int = Field(
        32, ge=0, le=1024, description="Tokens repeated from the chunk before, for context only."
    )
    top_k: int = Field(8, ge=1, le=100, description="Passages a search returns by default.")
    similarity: Literal["cosine", "dot"] = Field("cosine", description="How vectors are compared.")
    # Measured with all-MiniLM-L6-v2 on SciFact, CoSQA dev and XQuAD en: of 300 questions each to their own
    # corpus 98.8 % find a passage this similar, of those to the other two corpora 15 % do. (0.25: 99.7 %
    # and 32 %; 0.35: 97.4 % and 7 %. Losing an answer is worse than quoting a passage too many.)
    rerank_threshold: float = Field(
        0.3,
        ge=-1,
        le=1,
        description="Passages less relevant than this are not given to the model; when none is left, "
        "Petra says that it found nothing.",
    )

    rerank_model: str | None = Field(
        None,
        description="Model that looks at the first passages of a search again: a name from "
        "`petra models list`, a folder, or an address. Default: none.",
    )
    rerank_seconds: float = Field(
        0.5, gt=0, description="What one search may spend on that; passages it does not come to stay."
    )

    watch: bool = Field(
        True, description="Follow the folders that were indexed: what is saved there can be searched at once."
    )

    upload_limit: int = Field(100 * MiB, ge=1, description="Largest upload, in bytes.")
    body_limit: int = Field(1 * MiB, ge=1024, description="Largest other request or frame, in bytes.")
    page_limit: int = Field(2000, ge=1, description="Pages read of one document.")
    text_limit: int = Field(20 * MiB, ge=1024, description="Text taken from one document, in bytes.")
    extract_timeout: float = Field(60.0, gt=0, description="Seconds for reading one document.")
    extract_memory: int = Field(
        1024 * MiB, ge=128 * MiB, description="Memory for reading one document, in bytes."
    )
    idle_exit: float = Field(
        900.0,
        ge=1,
        description="Seconds without clients after which a server that was started by an "
        "editor or the shell leaves again.",
    )

    lsp_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port for editors that speak LSP over TCP themselves. Default: none.",
    )
    lsp_host: str = Field(
        "127.0.0.1", description="Address of LSP_PORT; one that others can reach needs TLS_CERT."
    )
    tls_cert: Path | None = Field(None, description="Certificate (PEM, with its chain) of LSP_PORT.")
    tls_key: Path | None = Field(None, description="Private key of TLS_CERT, unless that file has it.")
    classroom_token: SecretStr | None = Field(
        None, description="Token for `petra lsp --connect`, where the system's keyring has none."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe messages that are logged."
    )
    log_format: Literal["text", "json"] = Field("text", description="Form of the log on stderr.")

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError("CHUNK_OVERLAP must be smaller than CHUNK_SIZE")
        if self.lsp_port is not None and self.tls_cert is None and not _is_loopback(self.lsp_host):
            raise ValueError("LSP_HOST can be reached by others, so LSP_PORT needs TLS_CERT")
        if self.mode == "prod":
            missing = [
                name.upper()
                for name in ("database_url", "secret_key", "public_url")
                if getattr(self, name) is None
            ]
            if missing:
                raise ValueError(f"MODE=prod needs {', '.join(missing)}")
            if self.secret_key and len(self.secret_key.get_secret_value()) < 32:
                raise ValueError("SECRET_KEY needs at least 32 characters")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments and environment only: `load` reads the files, to refuse their unknown keys."""
        return init_settings, env_settings

    @property
    def models(self) -> Path:
        """Folder of the model files: `models/` of a checkout, otherwise below the data directory."""
        if self.models_dir:
            return self.models_dir
        root = platform.checkout_root()
        return root / "models" if root else self.data_dir / "models"

    @property
    def uploads(self) -> Path:
        """Folder of the uploaded files."""
        return self.uploads_dir or self.data_dir / "uploads"

    @property
    def indexes(self) -> Path:
        """Folder of the search indexes."""
        return self.faiss_index_dir or self.data_dir / "indexes"

    @property
    def answers_at_once(self) -> int:
        """Answers that the chat model writes at once."""
        return self.chat_answers or (32 if self.mode == "prod" else 4)

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database (with its password: never log it)."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'petra.db'}"

    def database_file(self, what: str) -> Path:
        """The file that is the database. Raises SettingsError, naming `what` cannot be done, when it is a
        server's."""
        scheme, _, path = self.database.partition(":///")
        if not scheme.startswith("sqlite"):
            raise SettingsError(
                f"This database cannot be {what} by Petra",
                cause="DATABASE_URL is that of a PostgreSQL server",
                remedy="Use pg_dump and pg_restore, and copy UPLOADS_DIR beside it",
            )
        return Path(path)

    def public(self) -> dict[str, Any]:
        """All settings as JSON values, secrets left out: only whether each is set."""
        values = self.model_dump(mode="json")
        for name in type(self).model_fields:
            if isinstance(getattr(self, name), SecretStr):
                values[name] = "set"
        return values


def load(
    explicit: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    dotenv: Path | None = None,
) -> Settings:
    """Settings from explicit arguments, the environment, `config`, `dotenv` and defaults, in that order.

    `explicit` holds command-line values (None means not given), `config` is a YAML or JSON file and
    counts as explicit below single arguments, `dotenv` a `.env` file that may be absent. Raises
    SettingsError for an unknown key (naming the nearest known one), a bad value or a missing one.
    """
    values: dict[str, Any] = {}
    if dotenv and dotenv.is_file():
        values |= _checked(_read_dotenv(dotenv), f"{dotenv}")
    from_environment = set(_environment())
    values = {key: value for key, value in values.items() if key not in from_environment}
    if config:
        values |= _checked(_read_config(config), f"{config}")
    given = {key: value for key, value in (explicit or {}).items() if value is not None}
    values |= _checked(given, "the command line")
    try:
        return Settings(**values)
    except ValidationError as error:
        problems = [
            (".".join(map(str, item["loc"])).upper() + ": " if item["loc"] else "")
            + item["msg"].removeprefix("Value error, ").partition(", unable to parse")[0]
            for item in error.errors()
        ]
        raise SettingsError(
            "Petra cannot start with these settings",
            cause="; ".join(problems),
            remedy="docs/configuration.md lists every setting",
        ) from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _environment() -> list[str]:
    """Names of the settings that the environment gives."""
    present = {key.lower() for key in os.environ}
    return [name for name in Settings.model_fields if name in present]


def _read_dotenv(path: Path) -> Mapping[str, Any]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for binding in parse_stream(lines):
            if binding.error or (binding.key and binding.value is None):
                raise SettingsError(
                    f"Line {binding.original.line} of {path} is no setting",
                    remedy="Write NAME=value, one a line; a line that begins with # is a comment",
                )
    return dotenv_values(path)


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(
            f"The configuration file {path} cannot be read",
            cause=_why(error),
            remedy="Give a YAML or JSON file of settings",
        ) from error
    if not isinstance(content, dict | None):
        raise SettingsError(
            f"The configuration file {path} does not hold settings",
            cause="It has to be a mapping of names to values",
        )
    return content or {}


def _why(error: Exception) -> str:
    """One line: YAML's own message shows the place with an arrow below it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"Line {error.problem_mark.line + 1}: {error.problem}"
    return str(error)


def _checked(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """`values` under their lower-case names. Raises SettingsError for a name that does not exist."""
    known = set(Settings.model_fields)
    for key in values:
        if str(key).lower() not in known:
            near = difflib.get_close_matches(str(key).lower(), known, n=1)
            raise SettingsError(
                f"Unknown setting {key} in {origin}",
                remedy=f"Did you mean {near[0].upper()}?" if near else "See docs/configuration.md",
            )
    return {str(key).lower(): value for key, value in values.items() if value is not None}
