"""For which restaurant a person has named a number that cools down after another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("numbers", sa.Column("kept_for", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("numbers", "kept_for")
