"""What the processes of an installation share of an account's pace: its next turn, its pause, its places."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trunkline.db.models import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("provider", sa.String(16), primary_key=True),
        sa.Column("free_at", UtcDateTime()),
        sa.Column("paused_until", UtcDateTime()),
    )
    op.create_table(
        "pace_places",
        sa.Column("provider", sa.String(16), primary_key=True),
        sa.Column("process", sa.String(80), primary_key=True),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("pace_places")
    op.drop_table("paces")
