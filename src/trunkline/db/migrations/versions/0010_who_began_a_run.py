"""Who began a run is kept with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RUNS = ("assignments", "releases", "moves", "batches", "repoints", "stock_purchases")


def upgrade() -> None:
    for table in RUNS:
        op.add_column(table, sa.Column("actor", sa.JSON(), nullable=True))


def downgrade() -> None:
    for table in RUNS:
        op.drop_column(table, "actor")
