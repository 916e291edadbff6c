"""Where carrier, voice platform and books say different things, and what would mend it: kinds, changes, policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from trunkline.errors import Conflict, InvalidInput

CALLED_WITHIN = timedelta(hours=24)
FEWEST, SHARE = 5, Decimal("0.10")  # releases that need no force: the larger of the two


class DriftKind(StrEnum):
    """How a number, or what answers it, differs."""

    ORPHAN = "orphan"
    GHOST = "ghost"
    MOVED = "moved"
    MISSING_IN_VAPI = "missing_in_vapi"
    TWICE_IN_VAPI = "twice_in_vapi"
    MISROUTED = "misrouted"
    WEBHOOK_DRIFTED = "webhook_drifted"
    STILL_BILLED = "still_billed"
    PRICE_CHANGED = "price_changed"
    ADOPTABLE = "adoptable"
    FOREIGN = "foreign"
    DEAD_TARGET = "dead_target"
    STALE_CREDENTIAL = "stale_credential"
    LOST_NUMBER = "lost_number"
    OTHER_INSTALLATION = "other_installation"


class ChangeKind(StrEnum):
    """What mends a drift. Only `release` ends something that is paid for, and only `buy` pays."""

    RECORD = "record"
    MARK_RELEASED = "mark_released"
    IMPORT_AGAIN = "import_again"
    CONNECT = "connect"
    REMOVE_TWIN = "remove_twin"
    LEAD_TO_VAPI = "lead_to_vapi"
    RENEW_CREDENTIAL = "renew_credential"
    ADOPT = "adopt"
    BUY = "buy"
    RELEASE = "release"


KINDS: dict[DriftKind, str] = {
    DriftKind.ORPHAN: "carries our mark, and the books do not have it",
    DriftKind.GHOST: "held by the books, and not by the carrier",
    DriftKind.MOVED: "held by another account of ours",
    DriftKind.MISSING_IN_VAPI: "not in Vapi",
    DriftKind.TWICE_IN_VAPI: "more than once in Vapi",
    DriftKind.MISROUTED: "answered in Vapi by something else than we set",
    DriftKind.WEBHOOK_DRIFTED: "led elsewhere than to Vapi at its carrier",
    DriftKind.STILL_BILLED: "given back by the books, and still held",
    DriftKind.PRICE_CHANGED: "costs something else than the books say",
    DriftKind.ADOPTABLE: "held by the account, used by nobody",
    DriftKind.FOREIGN: "held by the account, used by somebody else",
    DriftKind.DEAD_TARGET: "answered by what does not exist any more",
    DriftKind.STALE_CREDENTIAL: "Vapi has keys of the carrier that are not valid any more",
    DriftKind.LOST_NUMBER: "a restaurant that had a number has none",
    DriftKind.OTHER_INSTALLATION: "carries the mark of another installation",
}
CHANGES: dict[ChangeKind, str] = {
    ChangeKind.RECORD: "write down what is so",
    ChangeKind.MARK_RELEASED: "write down that it is gone",
    ChangeKind.IMPORT_AGAIN: "import it again",
    ChangeKind.CONNECT: "point it at what is to answer",
    ChangeKind.REMOVE_TWIN: "remove the records that are too many",
    ChangeKind.LEAD_TO_VAPI: "lead it to Vapi again",
    ChangeKind.RENEW_CREDENTIAL: "give Vapi the present keys",
    ChangeKind.ADOPT: "take it into the books, idle",
    ChangeKind.BUY: "get the restaurant another number",
    ChangeKind.RELEASE: "give it back to the carrier",
}
# What mends each kind without spending or ending anything; None: it is told, and left to a person.
REPAIRS: dict[DriftKind, ChangeKind | None] = {
    DriftKind.ORPHAN: ChangeKind.ADOPT,
    DriftKind.GHOST: ChangeKind.MARK_RELEASED,
    DriftKind.MOVED: ChangeKind.RECORD,
    DriftKind.MISSING_IN_VAPI: ChangeKind.IMPORT_AGAIN,
    DriftKind.TWICE_IN_VAPI: ChangeKind.REMOVE_TWIN,
    DriftKind.MISROUTED: ChangeKind.CONNECT,
    DriftKind.WEBHOOK_DRIFTED: ChangeKind.LEAD_TO_VAPI,
    DriftKind.STILL_BILLED: ChangeKind.ADOPT,
    DriftKind.PRICE_CHANGED: ChangeKind.RECORD,
    DriftKind.ADOPTABLE: None,
    DriftKind.FOREIGN: None,
    DriftKind.DEAD_TARGET: None,
    DriftKind.STALE_CREDENTIAL: ChangeKind.RENEW_CREDENTIAL,
    DriftKind.LOST_NUMBER: None,
    DriftKind.OTHER_INSTALLATION: None,
}
RELEASABLE = {DriftKind.ORPHAN, DriftKind.STILL_BILLED}


@dataclass(frozen=True)
class Policy:
    """What a plan may offer beside repairs: `buy` another number for a restaurant that has lost its own, `release` what
    is paid for and not in the books, beyond the cap only by `force`."""

    buy: bool = False
    release: bool = False
    force: bool = False


@dataclass(frozen=True)
class Drift:
    """One difference. `provider` is the carrier that has (or had) the number, or `voice` for what concerns Vapi alone;
    `number` is None for what concerns a whole account. What a side says is in words, empty where it says nothing.
    `since`: when it was first seen. `monthly` is by how much the change makes a month dearer (below zero: cheaper), in
    `currency`, None where it makes no difference or that is not known. `left_alone` is why nothing is changed where the
    policy would.
    """

    kind: DriftKind
    provider: str
    number: str | None = None
    restaurant_id: str | None = None
    carrier_says: str = ""
    voice_says: str = ""
    books_say: str = ""
    since: datetime | None = None
    change: ChangeKind | None = None
    monthly: Decimal | None = None
    currency: str | None = None
    left_alone: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the sides are out of step: what the account holds beside the books is only counted."""
        beside = self.kind is DriftKind.OTHER_INSTALLATION and not self.books_say
        return not beside and self.kind not in (DriftKind.ADOPTABLE, DriftKind.FOREIGN)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same drift in the next plan."""
        return (self.kind.value, self.provider, self.number or "", self.restaurant_id or "")


@dataclass(frozen=True)
class Facts:
    """What bears on a drift's change and is nothing that differs: `price` and `currency` are what the number costs a
    month; `ours` is false where somebody else is served by what would be changed."""

    price: Decimal | None = None
    currency: str | None = None
    protected: bool = False
    called_at: datetime | None = None
    ours: bool = True


@dataclass(frozen=True)
class Found:
    """A drift before the policy has decided on it."""

    drift: Drift
    facts: Facts = field(default_factory=Facts)


def decide(
    found: Iterable[Found], policy: Policy, *, held: int, doubted: Mapping[str, str], now: datetime
) -> list[Drift]:
    """The drifts with what the policy changes of each, in the order in which they are shown. `held` is how many numbers
    the books hold; `doubted` are the providers whose lists are not believed, and why: nothing of theirs is changed.
    Conflict where more would be given back than the cap allows and it is not forced."""
    drifts = [_decided(one, policy, doubted, now) for one in found]
    releases = sum(drift.change is ChangeKind.RELEASE for drift in drifts)
    cap = max(FEWEST, int(held * SHARE))
    if releases and held == 0 and not policy.force:
        raise Conflict(
            f"{releases} numbers would be given back, and the books are empty",
            hint="is this the right database? take the numbers over first: trunkline reconcile adopt",
        )
    if releases > cap and not policy.force:
        raise Conflict(
            f"{releases} numbers would be given back, of {held} in the books; more than {cap} at once are forced",
            hint="look at the plan without release first; then: --force",
        )
    return sorted(drifts, key=lambda drift: drift.key)


def _decided(found: Found, policy: Policy, doubted: Mapping[str, str], now: datetime) -> Drift:
    drift, facts = found.drift, found.facts
    change = REPAIRS[drift.kind]
    if policy.release and drift.kind in RELEASABLE:
        change = ChangeKind.RELEASE
    if policy.buy and drift.kind is DriftKind.LOST_NUMBER:
        change = ChangeKind.BUY
    why = doubted.get(drift.provider) if change else None
    why = why or _objection(change, facts, now)
    if why is not None:
        return replace(drift, change=None, left_alone=why)
    if change is ChangeKind.RELEASE and facts.price is not None:
        return replace(drift, change=change, monthly=-facts.price, currency=facts.currency)
    return replace(drift, change=change)


def _objection(change: ChangeKind | None, facts: Facts, now: datetime) -> str | None:
    if change is None:
        return None
    if not facts.ours:
        return "it serves somebody else, who is not disturbed"
    if change is ChangeKind.RELEASE and facts.protected:
        return "it is protected"
    if change is ChangeKind.RELEASE and facts.called_at is not None and now - facts.called_at < CALLED_WITHIN:
        return "it was called in the last 24 hours"
    return None


def checksum(drifts: Sequence[Drift]) -> str:
    """SHA-256 over the sorted changes: the same changes have the same one, whenever they were planned."""
    changes = sorted(
        [*drift.key, drift.change.value, str(drift.monthly or ""), drift.currency or ""]
        for drift in drifts
        if drift.change is not None
    )
    return hashlib.sha256(json.dumps(changes, separators=(",", ":")).encode()).hexdigest()


def monthly_of(drifts: Iterable[Drift]) -> dict[str, Decimal]:
    """By how much all changes make a month dearer or cheaper, a sum for each currency."""
    sums: dict[str, Decimal] = {}
    for drift in drifts:
        if drift.change is not None and drift.monthly is not None and drift.currency is not None:
            sums[drift.currency] = sums.get(drift.currency, Decimal(0)) + drift.monthly
    return sums


def check_kinds(names: Iterable[str]) -> list[DriftKind]:
    """The kinds by their names; InvalidInput that names one that is none."""
    known = {kind.value for kind in DriftKind}
    for name in names:
        if name not in known:
            raise InvalidInput(f"{name!r} is no kind of drift", field="kind", hint=f"one of {', '.join(sorted(known))}")
    return [DriftKind(name) for name in names]
