"""What Vonage has for sale in a new world."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trunkline.sandbox.world import Number

CARRIER = "vonage"
US_AREAS = ("415", "212", "312", "206", "617", "305")
CA_AREAS = ("416", "604")


def stock() -> list[Number]:
    """US, CA and GB; FR and DE are sold in the dashboard only."""

    def block(prefix: str, size: int, price: str, **more: Any) -> list[Number]:
        return [
            Number(CARRIER, f"{prefix}{i:03d}", price=Decimal(price), currency="EUR", **more)
            for i in range(1, size + 1)
        ]

    found: list[Number] = []
    for area in US_AREAS:
        found += block(f"+1{area}5554", 40, "0.90")
    for area in CA_AREAS:
        found += block(f"+1{area}5554", 20, "0.90", country="CA")
    found += block("+18885554", 20, "2.10", type="toll_free", sms=False)
    found += block("+442079464", 20, "1.25", country="GB", sms=False)
    found += block("+447400124", 20, "1.25", country="GB", type="mobile")
    found += block("+3319901", 20, "3.00", country="FR", sms=False, address="local")
    found += block("+493023126", 20, "1.50", country="DE", sms=False, address="local")
    return found
