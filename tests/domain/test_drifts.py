"""The policy: what a plan changes of what differs, and what it never does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trunkline.domain.drifts import (
    CHANGES,
    KINDS,
    REPAIRS,
    ChangeKind,
    Drift,
    DriftKind,
    Facts,
    Found,
    Policy,
    check_kinds,
    checksum,
    decide,
    monthly_of,
)
from trunkline.errors import Conflict, InvalidInput

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PRICED = Facts(Decimal("1.15"), "USD")


def found(kind: DriftKind, n: int = 0, facts: Facts = PRICED) -> Found:
    return Found(Drift(kind, "twilio", f"+1415555{n:04d}", carrier_says="held"), facts)


def orphans(count: int) -> Iterable[Found]:
    return [found(DriftKind.ORPHAN, n) for n in range(count)]


def changes(one: Found, policy: Policy, held: int = 100) -> tuple[ChangeKind | None, str | None]:
    (drift,) = decide([one], policy, held=held, doubted={}, now=NOW)
    return drift.change, drift.left_alone


def test_each_kind_and_change_has_words_and_a_repair() -> None:
    assert set(KINDS) == set(REPAIRS) == set(DriftKind)
    assert set(CHANGES) == set(ChangeKind)


@pytest.mark.parametrize("kind", DriftKind)
def test_without_being_asked_nothing_is_bought_or_given_back(kind: DriftKind) -> None:
    assert changes(found(kind), Policy())[0] not in (ChangeKind.BUY, ChangeKind.RELEASE)


def test_what_is_asked_for_is_offered_with_what_it_saves() -> None:
    policy = Policy(buy=True, release=True)
    every = [found(kind) for kind in (DriftKind.ORPHAN, DriftKind.STILL_BILLED, DriftKind.LOST_NUMBER)]
    drifts = decide(every, policy, held=100, doubted={}, now=NOW)
    assert [(d.change, d.monthly) for d in drifts] == [
        (ChangeKind.BUY, None),
        (ChangeKind.RELEASE, Decimal("-1.15")),
        (ChangeKind.RELEASE, Decimal("-1.15")),
    ]
    assert monthly_of(drifts) == {"USD": Decimal("-2.30")}


def test_currencies_are_never_added() -> None:
    euro = Found(Drift(DriftKind.ORPHAN, "vonage", "+33140000000"), Facts(Decimal("0.98"), "EUR"))
    drifts = decide([found(DriftKind.ORPHAN), euro], Policy(release=True), held=100, doubted={}, now=NOW)
    assert monthly_of(drifts) == {"USD": Decimal("-1.15"), "EUR": Decimal("-0.98")}


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(protected=True), "it is protected"),
        (Facts(called_at=NOW - timedelta(hours=23)), "it was called in the last 24 hours"),
        (Facts(ours=False), "it serves somebody else, who is not disturbed"),
    ],
)
def test_what_is_protected_called_or_doubtful_is_not_given_back(facts: Facts, why: str) -> None:
    assert changes(found(DriftKind.ORPHAN, facts=facts), Policy(release=True, force=True)) == (None, why)


@pytest.mark.parametrize("kind", [kind for kind, change in REPAIRS.items() if change is not None])
def test_nothing_of_a_provider_is_changed_whose_list_is_not_believed(kind: DriftKind) -> None:
    (drift,) = decide([found(kind)], Policy(), held=100, doubted={"twilio": "its list ended early"}, now=NOW)
    assert (drift.change, drift.left_alone) == (None, "its list ended early")


def test_a_call_of_yesterday_keeps_nothing() -> None:
    quiet = Facts(called_at=NOW - timedelta(hours=25))
    assert changes(found(DriftKind.ORPHAN, facts=quiet), Policy(release=True)) == (ChangeKind.RELEASE, None)


@pytest.mark.parametrize(("held", "allowed"), [(1, 5), (50, 5), (100, 10), (1000, 100)])
def test_more_than_a_tenth_or_five_are_given_back_by_force_only(held: int, allowed: int) -> None:
    policy = Policy(release=True)
    assert len(decide(orphans(allowed), policy, held=held, doubted={}, now=NOW)) == allowed
    with pytest.raises(Conflict, match=f"{allowed + 1} numbers would be given back, of {held}"):
        decide(orphans(allowed + 1), policy, held=held, doubted={}, now=NOW)
    assert (
        len(decide(orphans(allowed + 1), Policy(release=True, force=True), held=held, doubted={}, now=NOW))
        == allowed + 1
    )


def test_an_empty_database_gives_nothing_back() -> None:
    with pytest.raises(Conflict, match="the books are empty"):
        decide(orphans(1), Policy(release=True), held=0, doubted={}, now=NOW)
    assert decide(orphans(1), Policy(), held=0, doubted={}, now=NOW)[0].change is ChangeKind.ADOPT


def test_the_checksum_is_over_the_changes_alone_and_there_is_one_of_none() -> None:
    told = Found(Drift(DriftKind.FOREIGN, "twilio", carrier_says="3 numbers"))
    drifts = decide([*orphans(2), told], Policy(), held=100, doubted={}, now=NOW)
    fewer = decide(orphans(1), Policy(), held=100, doubted={}, now=NOW)
    released = decide(orphans(2), Policy(release=True), held=100, doubted={}, now=NOW)
    assert checksum(drifts) == checksum(list(reversed(drifts))) == checksum(drifts[1:])
    assert len({checksum(drifts), checksum(fewer), checksum(released), checksum([])}) == 4


def test_a_drift_is_of_the_books_unless_it_is_besides_them() -> None:
    besides = Drift(DriftKind.OTHER_INSTALLATION, "twilio", "+14155550100")
    ours = Drift(DriftKind.OTHER_INSTALLATION, "twilio", "+14155550100", books_say="in service")
    orphan = Drift(DriftKind.ORPHAN, "twilio", "+14155550100")
    assert [drift.differs for drift in (besides, ours, orphan)] == [False, True, True]


def test_an_unknown_kind_is_named() -> None:
    assert check_kinds(["ghost"]) == [DriftKind.GHOST]
    with pytest.raises(InvalidInput, match="'ghosts' is no kind of drift") as error:
        check_kinds(["ghosts"])
    assert (error.value.field, "still_billed" in str(error.value.hint)) == ("kind", True)
