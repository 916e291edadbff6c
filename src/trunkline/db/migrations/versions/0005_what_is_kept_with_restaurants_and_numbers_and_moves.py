"""Restaurants' external ids and metadata, what a person says of a number, and moves of numbers between restaurants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
RUNNING = sa.text("status = 'running'")


def added() -> dict[str, list[sa.Column[object]]]:
    return {
        "restaurants": [
            sa.Column("external_id", sa.String(length=200), nullable=True),
            sa.Column("metadata", sa.JSON(), nullable=True),
        ],
        "numbers": [
            sa.Column("protected", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("labels", sa.JSON(), nullable=True),
            sa.Column("release_after", sa.DateTime(timezone=True), nullable=True),
        ],
    }


def upgrade() -> None:
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
    with op.batch_alter_table("numbers") as changed:
        changed.alter_column("protected", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)
    op.create_index("ix_numbers_release_after", "numbers", ["release_after"])
    op.create_index("ix_calls_called_first_seen", "calls", ["called", "first_seen_at"])
    op.create_index(
        "uq_restaurants_living_external_id",
        "restaurants",
        ["external_id"],
        unique=True,
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )
    op.create_table(
        "moves",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("from_id", sa.String(length=40), nullable=True),
        sa.Column("to_id", sa.String(length=40), nullable=False),
        sa.Column("own_number", sa.String(length=16), nullable=False),
        sa.Column("renew", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("assignment_id", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["number"], ["numbers.number"], name=op.f("fk_moves_number")),
        sa.ForeignKeyConstraint(["from_id"], ["restaurants.id"], name=op.f("fk_moves_from_id")),
        sa.ForeignKeyConstraint(["to_id"], ["restaurants.id"], name=op.f("fk_moves_to_id")),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk_moves_assignment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moves")),
    )
    op.create_index("ix_moves_number", "moves", ["number"])
    op.create_index(
        "uq_moves_running_number",
        "moves",
        ["number"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )


def downgrade() -> None:
    op.drop_index("uq_moves_running_number", table_name="moves")
    op.drop_index("ix_moves_number", table_name="moves")
    op.drop_table("moves")
    op.drop_index("uq_restaurants_living_external_id", table_name="restaurants")
    op.drop_index("ix_calls_called_first_seen", table_name="calls")
    op.drop_index("ix_numbers_release_after", table_name="numbers")
    for name, columns in added().items():
        with op.batch_alter_table(name) as changed:
            for column in columns:
                changed.drop_column(column.name)
