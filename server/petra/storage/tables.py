"""Every table, as one MetaData: the truth that the migrations are compared with.

Ids are random hex text where an id leaves the machine or is made before its row, and counted integers
where order matters. `AUTOINCREMENT` is asked for because SQLite otherwise gives the highest id out
again after its row is deleted, and a cache would then take a new chunk for an old one. Times are UTC
seconds since the epoch; they are shown, and never decide an order (clocks jump).
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Id = String(32)
Big = BigInteger().with_variant(Integer(), "sqlite")
"""Only a column declared INTEGER counts up by itself in SQLite, where it has 64 bits anyway."""


def _created() -> Column[float]:
    return Column("created_at", Double, nullable=False)


users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    _created(),
    CheckConstraint("role IN ('student', 'instructor', 'admin', 'owner')", name="role"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("messages", Integer, nullable=False, server_default="0"),
    _created(),
    Index(None, "user_id", "created_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", Id, ForeignKey("messages.id", ondelete="CASCADE")),
    Column("seq", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("content", Text, nullable=False),
    Column("prompt", Text),
    Column("state", String(16), nullable=False),
    _created(),
    UniqueConstraint("conversation_id", "seq"),
    CheckConstraint("role IN ('system', 'user', 'assistant')", name="role"),
    CheckConstraint("state IN ('streaming', 'complete', 'interrupted', 'failed', 'cancelled')", name="state"),
    Index(None, "parent_id"),
    Index(
        "ix_messages_streaming",
        "state",
        sqlite_where=text("state = 'streaming'"),
        postgresql_where=text("state = 'streaming'"),
    ),
)

parts = Table(
    "parts",
    metadata,
    Column("message_id", Id, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("payload", JSON, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("message_id", Id, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    # No foreign keys: what an answer was shown stays on record when the document is gone.
    Column("document_id", Id, nullable=False),
    Column("chunk_id", Big),
    Column("payload", JSON, nullable=False),
    UniqueConstraint("message_id", "n"),
    CheckConstraint("kind IN ('cited', 'supported', 'retrieved')", name="kind"),
    Index(None, "document_id"),
    sqlite_autoincrement=True,
)

usage = Table(
    "usage",
    metadata,
    Column("message_id", Id, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("model", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("ttft_ms", Double),
    Column("total_ms", Double, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("message_id", Id, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("rating", String(8)),
    Column("comment", Text, nullable=False),
    _created(),
    CheckConstraint("rating IN ('up', 'down')", name="rating"),
    Index(None, "user_id"),
)

collections = Table(
    "collections",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("root", Text),
    Column("revision", Big, nullable=False, server_default="0"),
    _created(),
    UniqueConstraint("owner_id", "name"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("filename", Text, nullable=False),
    Column("size", Big, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("media_type", Text, nullable=False),
    _created(),
    Index(None, "owner_id", "sha256"),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("owner_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("upload_id", Id, ForeignKey("uploads.id", ondelete="SET NULL")),
    Column("path", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", Big, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("mtime_ns", Big),
    Column("pages", Integer),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("revision", Big, nullable=False),
    Column("deleted_revision", Big),
    _created(),
    Column("chunker", String(64), nullable=False, server_default=""),
    Column("inode", Big),
    CheckConstraint("state IN ('queued', 'extracting', 'embedding', 'ready', 'failed')", name="state"),
    Index(None, "collection_id", "path"),
    Index(None, "collection_id", "digest"),
    Index(None, "upload_id"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("revision", Big, nullable=False),
    Column("deleted_revision", Big),
    Column("ordinal", Integer, nullable=False),
    Column("header", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("first_page", Integer),
    Column("last_page", Integer),
    Column("first_line", Integer),
    Column("last_line", Integer),
    Column("text_hash", String(64), nullable=False),
    Column("overlap", Integer, nullable=False, server_default="0"),
    Column("gap", Text, nullable=False, server_default="\n"),
    # Not limited to chunks that are alive: SQLite's cascade only uses an index of all rows.
    Index(None, "document_id"),
    Index("ix_chunks_added", "collection_id", "revision", "id"),
    Index(
        "ix_chunks_deleted",
        "collection_id",
        "deleted_revision",
        sqlite_where=text("deleted_revision IS NOT NULL"),
        postgresql_where=text("deleted_revision IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

symbols = Table(
    "symbols",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("folded", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("scope", Text, nullable=False),
    Column("first_line", Integer, nullable=False),
    Column("last_line", Integer, nullable=False),
    Index(None, "collection_id", "folded"),
    Index(None, "document_id"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("owner_id", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("model_id", Text, primary_key=True),
    Column("text_hash", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

index_versions = Table(
    "index_versions",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("model_id", Text, nullable=False),
    Column("configured", Text, nullable=False),
    Column("state", String(16), nullable=False),
    _created(),
    CheckConstraint("state IN ('building', 'active', 'previous')", name="state"),
    Index(
        "ix_index_versions_active",
        "state",
        unique=True,
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
    sqlite_autoincrement=True,
)

models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Big, nullable=False),
    Column("source", Text, nullable=False),
    _created(),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("owner_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="SET NULL")),
    Column("document_id", Id, ForeignKey("documents.id", ondelete="SET NULL")),
    Column("payload", JSON, nullable=False),
    Column("done", Big, nullable=False, server_default="0"),
    Column("total", Big),
    Column("unit", String(32), nullable=False, server_default=""),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    _created(),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("pace", Double),
    Column("updated_at", Double),
    CheckConstraint(
        "state IN ('queued', 'extracting', 'embedding', 'downloading', 'verifying', "
        "'ready', 'failed', 'cancelled')",
        name="state",
    ),
    Index(None, "owner_id", "id"),
    Index(None, "document_id"),
    Index(None, "collection_id"),
    Index(
        "ix_jobs_open",
        "state",
        "id",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)
