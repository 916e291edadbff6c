"""Makes the files say a version, for `make release VERSION=0.2.0`; changes nothing unless all of it can be done."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
PLACES = {"pyproject.toml": r'^version = ".*"$', "src/trunkline/__init__.py": r'^__version__ = ".*"$'}
UNRELEASED = re.compile(r"^## .*unreleased$", re.MULTILINE)


def release(root: Path, version: str, today: str) -> None:
    """ValueError that says what is missing."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is not a version: write VERSION=0.2.0")
    changelog = root / "CHANGELOG.md"
    written, found = UNRELEASED.subn(f"## {version}, {today}", changelog.read_text(), count=1)
    if not found:
        raise ValueError("CHANGELOG.md has no heading that ends in `unreleased`: nothing is to be released")
    texts = {changelog: written}
    for name, line in PLACES.items():
        text = (root / name).read_text()
        texts[root / name], found = re.subn(
            line, lambda old: re.sub('".*"', f'"{version}"', old[0]), text, count=1, flags=re.MULTILINE
        )
        if not found:
            raise ValueError(f"{name} names no version")
    for file, text in texts.items():
        file.write_text(text)


if __name__ == "__main__":
    try:
        release(Path(), sys.argv[1] if len(sys.argv) > 1 else "", f"{datetime.now(UTC):%Y-%m-%d}")
    except ValueError as error:
        sys.exit(f"Error: {error}")
