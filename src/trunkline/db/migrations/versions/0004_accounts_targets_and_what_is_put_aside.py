"""Accounts and targets with each number, what is put aside, purchases for stock as runs, who has to answer a debt."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def added() -> dict[str, list[sa.Column[object]]]:
    return {
        "installation": [sa.Column("key_salt", sa.String(length=64), nullable=True)],
        "restaurants": [sa.Column("wish", sa.JSON(), nullable=True)],
        "numbers": [
            sa.Column("account", sa.String(length=64), nullable=True),
            sa.Column("voice_org", sa.String(length=64), nullable=True),
            sa.Column("target", sa.JSON(), nullable=True),
            sa.Column("upfront_price", sa.Numeric(precision=12, scale=4), nullable=True),
            sa.Column("put_aside_until", sa.DateTime(timezone=True), nullable=True),
            sa.Column("put_aside_reason", sa.Text(), nullable=True),
            sa.Column("put_aside_times", sa.Integer(), nullable=False, server_default="0"),
        ],
        "assignments": [sa.Column("nth", sa.Integer(), nullable=False, server_default="1")],
        "purchase_intents": [
            sa.Column("upfront_price", sa.Numeric(precision=12, scale=4), nullable=True),
            sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("looks", sa.Integer(), nullable=False, server_default="0"),
        ],
        "debts": [sa.Column("provider", sa.String(length=16), nullable=True)],
        "batches": [sa.Column("message", sa.Text(), nullable=True), sa.Column("hint", sa.Text(), nullable=True)],
    }


COUNT = """UPDATE assignments SET nth = (SELECT count(*) FROM assignments earlier
    WHERE earlier.restaurant_id = assignments.restaurant_id AND earlier.id <= assignments.id)"""


def upgrade() -> None:
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
    op.execute(COUNT)
    op.execute(sa.text("UPDATE installation SET key_salt = :salt").bindparams(salt=secrets.token_hex(32)))
    with op.batch_alter_table("installation") as changed:
        changed.alter_column("key_salt", existing_type=sa.String(length=64), nullable=False)
    for table, counter in (("assignments", "nth"), ("numbers", "put_aside_times"), ("purchase_intents", "looks")):
        with op.batch_alter_table(table) as changed:
            changed.alter_column(counter, existing_type=sa.Integer(), existing_nullable=False, server_default=None)
    for indexed in ("mark", "look_at"):
        op.create_index(f"ix_purchase_intents_{indexed}", "purchase_intents", [indexed])
    op.create_table(
        "provider_accounts",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_reason", sa.Text(), nullable=True),
        sa.Column("blocked_hint", sa.Text(), nullable=True),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_accounts")),
    )
    op.create_table(
        "stock_purchases",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("carrier", sa.String(length=16), nullable=False),
        sa.Column("offer", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_purchases")),
    )
    op.create_index(
        "uq_stock_purchases_running_number",
        "stock_purchases",
        ["number"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )


def downgrade() -> None:
    op.drop_index("uq_stock_purchases_running_number", table_name="stock_purchases")
    op.drop_table("stock_purchases")
    op.drop_table("provider_accounts")
    for indexed in ("look_at", "mark"):
        op.drop_index(f"ix_purchase_intents_{indexed}", table_name="purchase_intents")
    for name, columns in added().items():
        with op.batch_alter_table(name) as changed:
            for column in columns:
                changed.drop_column(column.name)
