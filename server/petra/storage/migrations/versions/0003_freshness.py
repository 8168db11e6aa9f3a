"""Which file a document is, and how fast a job goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_index("ix_documents_collection_id_sha256", "documents")
    # Files of folders are known by BLAKE2b from now on: read once more, none is embedded again.
    op.alter_column("documents", "sha256", new_column_name="digest")
    op.create_index("ix_documents_collection_id_digest", "documents", ["collection_id", "digest"])
    op.add_column("documents", sa.Column("inode", Big, nullable=True))
    op.add_column("jobs", sa.Column("pace", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("updated_at", sa.Double(), nullable=True))
