"""The items of a batch in its order, and in the order in which they ended."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_batch_items_batch_id_seq", "batch_items", ["batch_id", "seq"])
    op.create_index("ix_batch_items_batch_id_updated_at", "batch_items", ["batch_id", "updated_at"])


def downgrade() -> None:
    op.drop_index("ix_batch_items_batch_id_updated_at", table_name="batch_items")
    op.drop_index("ix_batch_items_batch_id_seq", table_name="batch_items")
