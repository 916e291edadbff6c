"""The picture of the house, made from the import contract: `python -m tests.support.house` prints it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def layers() -> list[list[str]]:
    """The rooms of each layer, from the top; rooms of one layer stand side by side."""
    contracts = tomllib.loads(PROJECT.read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract["type"] == "layers"]
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def picture() -> str:
    """A chart with a box for each layer: imports follow the arrows, and those behind them, never back."""
    boxes = [f'  {"_".join(rooms)}["{", ".join(rooms)}"]' for rooms in layers()]
    names = ["_".join(rooms) for rooms in layers()]
    return "\n".join(["```mermaid", "flowchart TB", *boxes, "  " + " --> ".join(names), "```"])


if __name__ == "__main__":
    print(picture())
