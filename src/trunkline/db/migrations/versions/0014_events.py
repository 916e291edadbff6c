"""What happens is written down with what changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAMED = ("restaurant_id", "number", "run_id", "other_id", "actor_id")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restaurant_id", sa.String(40), nullable=True),
        sa.Column("number", sa.String(20), nullable=True),
        sa.Column("run_id", sa.String(40), nullable=True),
        sa.Column("other_id", sa.String(40), nullable=True),
        sa.Column("actor", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.String(80), nullable=True),
        sa.Column("actor_name", sa.String(200), nullable=True),
        sa.Column("reason", sa.String(500), nullable=True),
        sa.Column("request_id", sa.String(64), nullable=True),
        sa.Column("trace_id", sa.String(32), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sa.UniqueConstraint("position", name=op.f("uq_events_position")),
        sqlite_autoincrement=True,
    )
    unplaced = sa.text("position IS NULL")
    op.create_index("ix_events_unplaced", "events", ["seq"], sqlite_where=unplaced, postgresql_where=unplaced)
    for column in NAMED:
        named = sa.text(f"{column} IS NOT NULL")
        columns = [column, "position"]
        op.create_index(f"ix_events_{column}", "events", columns, sqlite_where=named, postgresql_where=named)


def downgrade() -> None:
    op.drop_table("events")
