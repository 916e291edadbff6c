"""Purchases without a restaurant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("purchase_intents") as table:
        table.alter_column("assignment_id", existing_type=sa.String(length=40), nullable=True)
        table.alter_column("restaurant_id", existing_type=sa.String(length=40), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM purchase_intents WHERE restaurant_id IS NULL")
    with op.batch_alter_table("purchase_intents") as table:
        table.alter_column("assignment_id", existing_type=sa.String(length=40), nullable=False)
        table.alter_column("restaurant_id", existing_type=sa.String(length=40), nullable=False)
