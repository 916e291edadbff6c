"""What is asked of a number, for one restaurant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trunkline.domain.choosing import Criteria

FORCED_CARRIER = "twilio"  # what `force_twilio` of the API, and of the rows, means


@dataclass(frozen=True)
class Wish:
    """`criteria` say which numbers suit; `reuse` is false where the voice platform's idle numbers are not looked at."""

    criteria: Criteria = field(default_factory=Criteria)
    reuse: bool = True

    @classmethod
    def asked(cls, criteria: Criteria, force_twilio: bool = False) -> Wish:
        """As the API puts it: `force_twilio` is the guide's word for that one carrier and no reuse."""
        return cls(replace(criteria, carrier=FORCED_CARRIER), reuse=False) if force_twilio else cls(criteria)

    @classmethod
    def stored(cls, criteria: Mapping[str, Any] | None, force_twilio: bool = False) -> Wish:
        """From an assignment's columns."""
        return cls.asked(Criteria.checked(**(criteria or {})), force_twilio)

    @property
    def forced(self) -> bool:
        return not self.reuse

    def plain(self) -> dict[str, str]:
        """The criteria as they were asked for, as JSON."""
        return (replace(self.criteria, carrier=None) if self.forced else self.criteria).plain()
