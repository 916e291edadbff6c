"""What is asked of a number, for one restaurant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164
from trunkline.errors import InvalidInput

PICKED = "phone_number"
FORCED_CARRIER = "twilio"  # what `force_twilio` of the API, and of the rows, means


@dataclass(frozen=True)
class Wish:
    """`criteria` say which numbers suit; `reuse` is false where the voice platform's idle numbers are not looked at.
    `number` is the one that was picked: exactly it, or none."""

    criteria: Criteria = field(default_factory=Criteria)
    reuse: bool = True
    number: E164 | None = None

    @classmethod
    def asked(cls, criteria: Criteria, force_twilio: bool = False) -> Wish:
        """As the API puts it: `force_twilio` is the guide's word for that one carrier and no reuse."""
        return cls(replace(criteria, carrier=FORCED_CARRIER), reuse=False) if force_twilio else cls(criteria)

    @classmethod
    def stored(cls, criteria: Mapping[str, Any] | None, force_twilio: bool = False) -> Wish:
        """From an assignment's columns."""
        kept = dict(criteria or {})
        picked = kept.pop(PICKED, None)
        return replace(cls.asked(Criteria.checked(**kept), force_twilio), number=E164(picked) if picked else None)

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
        """The criteria as they were asked for, as JSON, with the number that was picked."""
        return self.lasting() | ({PICKED: str(self.number)} if self.number else {})

    def lasting(self) -> dict[str, str]:
        """The criteria alone, which hold for another number as well."""
        return (replace(self.criteria, carrier=None) if self.forced else self.criteria).plain()
