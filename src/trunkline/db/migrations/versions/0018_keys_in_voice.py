"""Which keys of a carrier the voice platform was given is remembered, as a fingerprint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("provider_accounts", sa.Column("keys_in_voice", sa.String(length=16), nullable=True))


def downgrade() -> None:
    op.drop_column("provider_accounts", "keys_in_voice")
