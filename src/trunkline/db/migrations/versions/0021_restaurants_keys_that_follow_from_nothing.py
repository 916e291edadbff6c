"""Restaurants' keys are keys like others: what was derived from the secret is kept until it is renewed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

HASH = sa.String(length=64)


def upgrade() -> None:
    with op.batch_alter_table("restaurants") as changed:
        changed.alter_column("api_key_hash", existing_type=HASH, nullable=True)
    op.add_column("keys", sa.Column("own", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("keys") as changed:
        changed.alter_column("own", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)
    op.create_index(
        "uq_keys_own_restaurant_id",
        "keys",
        ["restaurant_id"],
        unique=True,
        sqlite_where=sa.text("own = 1 AND revoked_at IS NULL"),
        postgresql_where=sa.text("own AND revoked_at IS NULL"),
    )


def downgrade() -> None:
    """Restaurants whose key is a new one have none then."""
    op.drop_index("uq_keys_own_restaurant_id", table_name="keys")
    with op.batch_alter_table("keys") as changed:
        changed.drop_column("own")
    op.execute("UPDATE restaurants SET api_key_hash = id WHERE api_key_hash IS NULL")
    with op.batch_alter_table("restaurants") as changed:
        changed.alter_column("api_key_hash", existing_type=HASH, nullable=False)
