"""Which version of the search index answers, and with which model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "index_versions",
        sa.Column("id", Big, autoincrement=True, nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("configured", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "state IN ('building', 'active', 'previous')", name=op.f("ck_index_versions_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_index_versions"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_index_versions_active",
        "index_versions",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
