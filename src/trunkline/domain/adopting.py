"""Numbers of the account that are taken over: what is said of each, and what would become of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trunkline.domain.numbers import E164


class AdoptionFate(StrEnum):
    """What becomes of a number: `idle` without a restaurant; `new`, `changed` and `same` as its restaurant is; `ours`
    stays as it is."""

    IDLE = "idle"
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    OURS = "ours"
    REFUSED = "refused"


@dataclass(frozen=True)
class Adopted:
    """One row, judged. `carrier` holds the number; what is refused says why in `detail`, of `field`. `former` is the
    installation whose mark it carries and that is gone by a person's word."""

    place: int
    fate: AdoptionFate
    number: E164 | None = None
    carrier: str | None = None
    monthly_price: Decimal | None = None
    currency: str | None = None
    name: str | None = None
    external_id: str | None = None
    restaurant_id: str | None = None
    field: str | None = None
    detail: str | None = None
    hint: str | None = None
    former: str | None = None
