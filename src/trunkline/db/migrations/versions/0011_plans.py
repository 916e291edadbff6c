"""What a comparison has shown is kept as it was shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconcile_plans",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reconcile_plans"),
    )
    op.create_index("ix_reconcile_plans_created_at", "reconcile_plans", ["created_at"])

    op.create_table(
        "planned_drifts",
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("change", sa.String(length=24), nullable=True),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("restaurant_id", sa.String(length=40), nullable=True),
        sa.Column("carrier_says", sa.Text(), nullable=False),
        sa.Column("voice_says", sa.Text(), nullable=False),
        sa.Column("books_say", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("monthly", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("left_alone", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["reconcile_plans.id"], name="fk_planned_drifts_plan_id"),
        sa.PrimaryKeyConstraint("plan_id", "seq", name="pk_planned_drifts"),
    )
    op.create_index("ix_planned_drifts_number", "planned_drifts", ["number"])


def downgrade() -> None:
    op.drop_index("ix_planned_drifts_number", table_name="planned_drifts")
    op.drop_table("planned_drifts")
    op.drop_index("ix_reconcile_plans_created_at", table_name="reconcile_plans")
    op.drop_table("reconcile_plans")
