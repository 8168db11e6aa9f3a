"""The steps from one set of tables to the next."""

HEAD = "0005"
"""The newest step. Kept here so that a start can compare it without loading Alembic."""
