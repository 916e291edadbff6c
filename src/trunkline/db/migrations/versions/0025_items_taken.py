"""Which process has taken an item of a batch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch_items", sa.Column("process", sa.String(length=80), nullable=True))


def downgrade() -> None:
    op.drop_column("batch_items", "process")
