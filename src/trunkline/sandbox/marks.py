"""The marks that installations of Trunkline leave at a carrier, as one who looks at the carrier's records sees them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

MARK = re.compile(r"trunkline-([0-9a-z]{1,8})-[a-z]+_[0-9a-z]+")
ANOTHER = "elsewher"


def installation_of(texts: Iterable[object]) -> str | None:
    """Whose marks these are: the first that is one decides, but for those that a drift has written for another."""
    found = (MARK.fullmatch(text) for text in texts if isinstance(text, str))
    return next((mark[1] for mark in found if mark and mark[1] != ANOTHER), None)


def new_mark(installation: str, chance: random.Random) -> str:
    """A mark of a purchase that nobody has in his books."""
    return f"trunkline-{installation}-asg_{chance.getrandbits(64):016x}"
