"""The exact number that an item of a batch is to have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch_items", sa.Column("picked", sa.String(20), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("batch_items") as changed:
        changed.drop_column("picked")
