"""What is asked of a number, for one restaurant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trunkline.domain.choosing import Criteria
from trunkline.domain.money import PriceLimits
from trunkline.domain.numbers import E164
from trunkline.errors import InvalidInput

PICKED = "phone_number"
HELD = "held"
AGREED = ("max_monthly_price", "max_upfront_price")
FORCED_CARRIER = "twilio"  # what `force_twilio` of the API, and of the rows, means


def agreed(max_monthly_price: str | None, max_upfront_price: str | None) -> PriceLimits | None:
    """What somebody has said yes to, each as "1.15 USD"; None where nothing was said."""
    if max_monthly_price is None and max_upfront_price is None:
        return None
    return replace(PriceLimits.of(max_monthly_price, max_upfront_price), agreed=True)


@dataclass(frozen=True)
class Wish:
    """`criteria` say which numbers suit; `reuse` is false where the voice platform's idle numbers are not looked at.
    `number` is the one that was picked: exactly it, or none; where it is `held` already, nothing is bought. What is
    bought costs no more than was `agreed` to."""

    criteria: Criteria = field(default_factory=Criteria)
    reuse: bool = True
    number: E164 | None = None
    held: bool = False
    agreed: PriceLimits | None = None

    @classmethod
    def asked(cls, criteria: Criteria, force_twilio: bool = False) -> Wish:
        """As the API puts it: `force_twilio` is the guide's word for that one carrier and no reuse."""
        return cls(replace(criteria, carrier=FORCED_CARRIER), reuse=False) if force_twilio else cls(criteria)

    @classmethod
    def stored(cls, criteria: Mapping[str, Any] | None, force_twilio: bool = False) -> Wish:
        """From an assignment's columns."""
        kept = dict(criteria or {})
        picked, held = kept.pop(PICKED, None), bool(kept.pop(HELD, None))
        prices = {name: kept.pop(name, None) for name in AGREED}
        wish = cls.asked(Criteria.checked(**kept), force_twilio)
        return replace(wish, number=E164(picked) if picked else None, held=held, agreed=agreed(**prices))

    @classmethod
    def holding(cls, number: E164) -> Wish:
        """For a number that we hold, which nobody has agreed to pay for."""
        return cls(number=number, held=True)

    def picking(self, number: E164) -> Wish:
        """The same for exactly this number. InvalidInput where more is asked of it than its carrier."""
        if self.forced or set(self.criteria.plain()) - {"carrier"}:
            detail = "phone_number names one exact number, of which nothing else can be asked than its carrier"
            raise InvalidInput(detail, field=PICKED, hint="leave the other criteria out")
        return replace(self, number=number)

    @property
    def forced(self) -> bool:
        return not self.reuse

    def plain(self) -> dict[str, str]:
        """The criteria as they were asked for, as JSON, with the number that was picked and what it may cost."""
        limits = (self.agreed.monthly, self.agreed.at_once) if self.agreed else ()
        prices = {name: str(limit) for name, limit in zip(AGREED, limits, strict=False) if limit is not None}
        named = ({PICKED: str(self.number)} if self.number else {}) | ({HELD: "yes"} if self.held else {})
        return self.lasting() | named | prices

    def lasting(self) -> dict[str, str]:
        """The criteria alone, which hold for another number as well."""
        return (replace(self.criteria, carrier=None) if self.forced else self.criteria).plain()
