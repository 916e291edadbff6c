"""Up to which restaurant a batch's items are still to be written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("until", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("batches", "until")
