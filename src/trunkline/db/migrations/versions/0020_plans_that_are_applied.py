"""A plan is applied by a durable run, with one row for each change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trunkline.db.models.base import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "applies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applies")),
        sa.UniqueConstraint("plan_id", name=op.f("uq_applies_plan_id")),
    )
    running = sa.text("status = 'running'")
    op.create_index(
        "uq_applies_running", "applies", ["status"], unique=True, sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "apply_items",
        sa.Column("apply_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("change", sa.String(length=24), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("restaurant_id", sa.String(length=40), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["apply_id"], ["applies.id"], name=op.f("fk_apply_items_apply_id_applies")),
        sa.PrimaryKeyConstraint("apply_id", "seq", name=op.f("pk_apply_items")),
    )


def downgrade() -> None:
    op.drop_table("apply_items")
    op.drop_index("uq_applies_running", table_name="applies")
    op.drop_table("applies")
