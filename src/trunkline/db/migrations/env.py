"""What Alembic runs for every command: on the connection it is given, else on DATABASE_URL's database."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from trunkline.db.migrate import transaction
from trunkline.db.models import Base, UtcDateTime
from trunkline.settings import load_settings


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """A migration names no type of ours, so that it still runs when the models have moved on."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite alters most things only by rebuilding the table
        render_item=render_item,
    )
    context.run_migrations()


if given := context.config.attributes.get("connection"):
    run(given)
else:
    with transaction(load_settings().database_url) as opened:
        run(opened)
