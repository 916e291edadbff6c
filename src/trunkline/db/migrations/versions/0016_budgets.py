"""Budgets, and which API key a number was bought by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trunkline.db.models import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("max_numbers", sa.Integer(), nullable=True),
        sa.Column("max_monthly_price", sa.Numeric(12, 4), nullable=True),
        sa.Column("max_purchases", sa.Integer(), nullable=True),
        sa.Column("max_spending", sa.Numeric(12, 4), nullable=True),
        sa.Column("currency", sa.String(3), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_budgets"),
    )
    for table in ("numbers", "purchase_intents"):
        op.add_column(table, sa.Column("key_id", sa.String(40), nullable=True))
    op.create_index("ix_numbers_key_id", "numbers", ["key_id"])
    op.create_index("ix_numbers_former_restaurant_id", "numbers", ["former_restaurant_id"])
    bought = sa.text("status = 'bought'")
    op.create_index(
        "ix_purchase_intents_bought_closed_at",
        "purchase_intents",
        ["closed_at"],
        sqlite_where=bought,
        postgresql_where=bought,
    )


def downgrade() -> None:
    op.drop_index("ix_purchase_intents_bought_closed_at", table_name="purchase_intents")
    op.drop_index("ix_numbers_former_restaurant_id", table_name="numbers")
    op.drop_index("ix_numbers_key_id", table_name="numbers")
    for table in ("purchase_intents", "numbers"):
        op.drop_column(table, "key_id")
    op.drop_table("budgets")
