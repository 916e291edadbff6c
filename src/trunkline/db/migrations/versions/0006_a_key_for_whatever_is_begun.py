"""An idempotency key stands for whatever a request has begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE = "idempotency_keys"
FOREIGN = "fk_idempotency_keys_assignment_id"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("run_id", sa.String(length=40), nullable=True))
    op.execute(f"UPDATE {TABLE} SET run_id = assignment_id")  # noqa: S608
    with op.batch_alter_table(TABLE) as changed:
        changed.drop_constraint(FOREIGN, type_="foreignkey")
        changed.drop_column("assignment_id")
        changed.alter_column("restaurant_id", existing_type=sa.String(length=40), nullable=True)


def downgrade() -> None:
    op.execute(f"DELETE FROM {TABLE} WHERE restaurant_id IS NULL")  # noqa: S608
    op.add_column(TABLE, sa.Column("assignment_id", sa.String(length=40), nullable=True))
    op.execute(f"UPDATE {TABLE} SET assignment_id = run_id")  # noqa: S608
    with op.batch_alter_table(TABLE) as changed:
        changed.drop_column("run_id")
        changed.create_foreign_key(op.f(FOREIGN), "assignments", ["assignment_id"], ["id"])
        changed.alter_column("restaurant_id", existing_type=sa.String(length=40), nullable=False)
