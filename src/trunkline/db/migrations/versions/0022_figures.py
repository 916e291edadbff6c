"""What is counted and summed is in an index: numbers, what was bought of late or is put aside, how assignments end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KIND = ["country", "number_type", "protected", "idle_since"]
INDEXES = {
    "ix_numbers_figures": ["state", "carrier", "currency", "monthly_price", "put_aside_until", *KIND],
    "ix_numbers_bought": ["bought_at", "carrier", "currency", "monthly_price", "upfront_price"],
}
ASIDE = "ix_numbers_put_aside"


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "numbers", columns)
    kept = sa.text("put_aside_until IS NOT NULL")
    op.create_index(ASIDE, "numbers", ["state", "put_aside_until"], sqlite_where=kept, postgresql_where=kept)
    op.drop_index("ix_assignments_status", table_name="assignments")
    op.create_index("ix_assignments_status_id", "assignments", ["status", "id"])


def downgrade() -> None:
    op.drop_index("ix_assignments_status_id", table_name="assignments")
    op.create_index("ix_assignments_status", "assignments", ["status"])
    for name in (ASIDE, *INDEXES):
        op.drop_index(name, table_name="numbers")
