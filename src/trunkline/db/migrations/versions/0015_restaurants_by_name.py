"""Restaurants in the order of their names, and by a rare part of one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BY_NAME, PARTS = "ix_restaurants_folded_name_id", "ix_restaurants_folded_name_parts"
SCHEMA = """
    SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    WHERE extname = 'pg_trgm'
"""


def upgrade() -> None:
    op.create_index(BY_NAME, "restaurants", ["folded_name", "id"])
    if op.get_bind().dialect.name == "postgresql" and (schema := _trigrams()):
        op.execute(f"CREATE INDEX {PARTS} ON restaurants USING gin (folded_name {schema}.gin_trgm_ops)")


def _trigrams() -> str | None:
    """The schema of pg_trgm; None where it is not installed and we may not install it, so that every name is read."""
    connection = op.get_bind()
    if (schema := connection.execute(sa.text(SCHEMA)).scalar()) is None:
        try:
            with connection.begin_nested():
                connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        except DBAPIError:
            return None
        schema = connection.execute(sa.text(SCHEMA)).scalar()
    return str(schema) if schema else None


def downgrade() -> None:
    op.execute(f"DROP INDEX IF EXISTS {PARTS}")
    op.drop_index(BY_NAME, table_name="restaurants")
