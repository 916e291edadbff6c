"""An SQLite database with all tables and no rows, ours and the engine's beside it: made once, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

from dbos import DBOS

from trunkline.db.migrate import upgrade


def make_template(folder: Path) -> Path:
    file = folder / "migrated.sqlite"
    upgrade(f"sqlite:///{file}")
    DBOS.migrate(f"sqlite:///{file}.engine")
    return file


def copied(template: Path, folder: Path) -> str:
    """The URL of a copy in this folder."""
    file = shutil.copy(template, folder / "trunkline.sqlite")
    shutil.copy(f"{template}.engine", f"{file}.engine")
    return f"sqlite:///{file}"
