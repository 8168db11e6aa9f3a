"""Where Alembic meets the connection that `upgrade` gives it (or `alembic revision` on the shell)."""

from __future__ import annotations

from alembic import context

from petra.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite cannot alter most of a table in place; Alembic then makes it anew.
    render_as_batch=connection.dialect.name == "sqlite",
)
# The caller's transaction holds the whole upgrade.
context.run_migrations()
