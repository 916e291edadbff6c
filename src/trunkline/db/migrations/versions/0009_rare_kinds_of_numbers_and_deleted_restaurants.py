"""What is rare among many is found by an index: types, currencies, protected numbers, deleted restaurants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = {"ix_numbers_type_number": ["number_type", "number"], "ix_numbers_currency_number": ["currency", "number"]}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "numbers", columns)
    op.create_index(
        "ix_numbers_protected",
        "numbers",
        ["number"],
        sqlite_where=sa.text("protected = 1"),
        postgresql_where=sa.text("protected"),
    )
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index("ix_restaurants_deleted", "restaurants", ["id"], sqlite_where=deleted, postgresql_where=deleted)


def downgrade() -> None:
    op.drop_index("ix_restaurants_deleted", table_name="restaurants")
    op.drop_index("ix_numbers_protected", table_name="numbers")
    for name in INDEXES:
        op.drop_index(name, table_name="numbers")
