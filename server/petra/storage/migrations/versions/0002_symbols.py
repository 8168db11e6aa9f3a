"""What documents define; how chunks join; which chunker made them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Id = sa.String(length=32)
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("chunks", sa.Column("overlap", sa.Integer(), server_default="0", nullable=False))
    op.add_column("chunks", sa.Column("gap", sa.Text(), server_default="\n", nullable=False))
    op.add_column("documents", sa.Column("chunker", sa.String(length=64), server_default="", nullable=False))
    op.create_table(
        "symbols",
        sa.Column("id", Big, autoincrement=True, nullable=False),
        sa.Column("document_id", Id, nullable=False),
        sa.Column("collection_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=False),
        sa.Column("last_line", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_symbols_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_symbols_document_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_symbols"),
    )
    op.create_index("ix_symbols_collection_id_folded", "symbols", ["collection_id", "folded"])
    op.create_index("ix_symbols_document_id", "symbols", ["document_id"])
