"""What lists are narrowed by and in the order of; names of restaurants as they are searched for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trunkline.texts import folded

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PIECE = 1000
INDEXES = {
    "ix_numbers_state_number": ("numbers", ["state", "number"]),
    "ix_numbers_carrier_number": ("numbers", ["carrier", "number"]),
    "ix_numbers_country_number": ("numbers", ["country", "number"]),
    "ix_numbers_idle_since_number": ("numbers", ["idle_since", "number"]),
    "ix_numbers_monthly_price_number": ("numbers", ["monthly_price", "number"]),
    "ix_calls_caller_first_seen": ("calls", ["caller", "first_seen_at"]),
    "ix_assignments_reason": ("assignments", ["reason"]),
}
IDLE_SINCE = """
    UPDATE numbers SET idle_since = coalesce(
        (SELECT max(mappings.ended_at) FROM mappings WHERE mappings.number = numbers.number), bought_at, created_at
    ) WHERE state IN ('idle', 'cooling_down')
"""
UNROUTED = "ix_calls_unrouted_first_seen"


def upgrade() -> None:
    op.drop_index("ix_numbers_state", table_name="numbers")
    op.add_column("numbers", sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(sa.text(IDLE_SINCE))
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
    nobody = sa.text("restaurant_id IS NULL")
    op.create_index(UNROUTED, "calls", ["first_seen_at"], sqlite_where=nobody, postgresql_where=nobody)
    op.add_column("restaurants", sa.Column("folded_name", sa.String(400), nullable=True))
    _fold_names()


def _fold_names() -> None:
    restaurants = sa.table("restaurants", sa.column("id"), sa.column("name"), sa.column("folded_name"))
    fold = (
        sa.update(restaurants)
        .where(restaurants.c.id == sa.bindparam("this"))
        .values(folded_name=sa.bindparam("folded"))
    )
    connection, after = op.get_bind(), ""
    query = sa.select(restaurants.c.id, restaurants.c.name).order_by(restaurants.c.id).limit(PIECE)
    while rows := connection.execute(query.where(restaurants.c.id > after)).all():
        connection.execute(fold, [{"this": row.id, "folded": folded(row.name)} for row in rows])
        after = rows[-1].id


def downgrade() -> None:
    with op.batch_alter_table("restaurants") as changed:
        changed.drop_column("folded_name")
    op.drop_index(UNROUTED, table_name="calls")
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
    with op.batch_alter_table("numbers") as changed:
        changed.drop_column("idle_since")
    op.create_index("ix_numbers_state", "numbers", ["state"])
