"""Taking over what our accounts hold: idle, or for the restaurants that a file names; all rows, or none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from trunkline.db import debts, numbers
from trunkline.domain.adopting import Adopted, AdoptionFate
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.bulk import JudgedRow, RowFate
from trunkline.domain.choosing import OwnedNumber, with_answerer
from trunkline.domain.ids import new_id
from trunkline.domain.marks import OwnerMark, other_installation
from trunkline.domain.numbers import E164, NumberState, parse_number
from trunkline.domain.states import DebtKind
from trunkline.domain.wishes import PICKED
from trunkline.errors import InvalidInput
from trunkline.voice.base import Target, VoiceNumber
from trunkline.workflows.ask_prices import ask_missing_prices
from trunkline.workflows.compare_worlds import is_free, is_led_elsewhere
from trunkline.workflows.import_restaurants import Imported, import_restaurants, judge_rows, refuse
from trunkline.workflows.once import Once, find_begun
from trunkline.workflows.services import Services

NOTHING_BOUGHT = SpendingLimits(max_purchases=0)
PIECE = 500


@dataclass
class Accounts:
    """Every number of the accounts that were asked, with its carrier and its record in Vapi."""

    held: dict[str, tuple[str, OwnedNumber]] = field(default_factory=dict)
    records: dict[str, VoiceNumber] = field(default_factory=dict)
    shared: str | None = None


async def read_accounts(services: Services, only: str | None = None) -> Accounts:
    """Each list is read once, to its end: a ProviderError where one cannot be."""
    found = Accounts(shared=await services.shared_assistant())
    found.records = {voice.number: voice for voice in await services.voice.numbers() if voice.number}
    for name, carrier in services.carriers.items():
        if only in (None, name) and carrier.capabilities.imported:
            found.held |= {owned.number: (name, owned) async for owned in carrier.owned()}
    if any(owned.application for _, owned in found.held.values()):
        known = await services.voice.applications()
        found.held = {number: (name, with_answerer(owned, known)) for number, (name, owned) in found.held.items()}
    return found


async def judge_adoption(
    services: Services,
    given: Sequence[Mapping[str, Any]] | None,
    *,
    carrier: str | None = None,
    former: str | None = None,
) -> tuple[list[Adopted], Accounts]:
    """What would become of each row; nothing is changed. A row names a number, and may name its restaurant as an import
    does. None: all that nobody uses. `former` is another installation, which is gone: its marks keep nobody out."""
    accounts = await read_accounts(services, carrier)
    async with services.database.read() as session:
        known = await numbers.known(session, list(accounts.held))
    ours = {number: row.state for number, row in known.items() if row.state not in numbers.NOT_OURS}
    judge = _Judge(services, accounts, ours, former)
    if given is None:
        return judge.unused(), accounts
    named = {place: row for place, row in enumerate(given, 1) if is_named(row)}
    imported = await judge_rows(services, list(named.values()), accounts.held.keys())
    by_place = dict(zip(named, imported, strict=True))
    judged = []
    for place, row in enumerate(given, 1):
        try:
            number = parse_number(str(row.get(PICKED) or ""), services.settings.default_country, field=PICKED)
            judge.refuse_second(place, number)
            one = judge.named(place, number, by_place[place]) if place in by_place else judge.idle(place, number)
        except InvalidInput as error:
            one = Adopted(
                place, AdoptionFate.REFUSED, field=error.field or PICKED, detail=error.detail, hint=error.hint
            )
        judged.append(one)
    return judged, accounts


def is_named(row: Mapping[str, Any]) -> bool:
    """Whether it says whose the number is."""
    return bool(row.get("name") or row.get("external_id"))


@dataclass
class _Judge:
    services: Services
    accounts: Accounts
    ours: Mapping[str, str]
    former: str | None
    seen: dict[str, int] = field(default_factory=dict)

    def refuse_second(self, place: int, number: str) -> None:
        if (first := self.seen.setdefault(number, place)) != place:
            raise InvalidInput(f"row {first} has {number} as well", field=PICKED, hint="take one out")

    def unused(self) -> list[Adopted]:
        found: list[Adopted] = []
        for number in sorted(self.accounts.held):
            with suppress(InvalidInput):  # somebody uses it
                one = self.idle(len(found) + 1, number)
                found += [one] if one.fate is AdoptionFate.IDLE else []
        return found

    def idle(self, place: int, number: E164 | str) -> Adopted:
        held = self._held(number)
        if number in self.ours:
            return replace(held, place=place, fate=AdoptionFate.OURS)
        return self._free(replace(held, place=place, fate=AdoptionFate.IDLE))

    def named(self, place: int, number: E164, row: JudgedRow) -> Adopted:
        """As the import judges the restaurant, and free."""
        if row.row is None:
            fate = AdoptionFate.REFUSED
            return Adopted(place, fate, number, field=row.field, detail=row.detail, hint=row.hint)
        found = replace(
            self._held(number),
            place=place,
            fate=AdoptionFate(row.fate.value),
            name=row.row.name,
            external_id=row.row.notes.external_id,
            restaurant_id=row.restaurant_id,
        )
        return found if row.fate is RowFate.SAME or number in self.ours else self._free(found)

    def _held(self, number: str) -> Adopted:
        if number not in self.accounts.held:
            carriers = " or ".join(self.services.carriers)
            detail = f"{number} is in no account at {carriers}"
            hint = "set the keys of the account that has it, or take the row out"
            raise InvalidInput(detail, field=PICKED, hint=hint)
        carrier, owned = self.accounts.held[number]
        found = Adopted(0, AdoptionFate.OURS, owned.number, carrier)
        return replace(found, monthly_price=owned.monthly_price, currency=owned.currency)

    def _free(self, adopted: Adopted) -> Adopted:
        """It, if nobody uses it. InvalidInput says who does."""
        assert adopted.number is not None
        _, owned = self.accounts.held[adopted.number]
        record = self.accounts.records.get(adopted.number)
        marks = [owned.mark_text, record.name if record else None]
        others = {other for text in marks if (other := other_installation(self.services.installation, text))}
        if self.former is not None and others == {self.former}:
            owned = replace(owned, mark_text="")
            record = replace(record, name=None) if record else None
            adopted = replace(adopted, former=self.former)
        elif others:
            hint = f"if it is gone: --from-installation {min(others)} (from_installation)"
            detail = f"{adopted.number} carries the mark of the installation {min(others)}"
            raise InvalidInput(detail, field=PICKED, hint=hint)
        if not is_free(self.services, owned, record, self.accounts.shared):
            used_by = f"used by {owned.used_by or 'something that is not told'}"
            at_carrier = record is None or is_led_elsewhere(owned, record)
            why = f"{record.answerer} in Vapi" if record and not at_carrier else used_by
            hint = f"take that off it first, at {adopted.carrier if at_carrier else 'Vapi'}"
            raise InvalidInput(f"{adopted.number} is {why}", field=PICKED, hint=hint)
        return adopted


@dataclass(frozen=True)
class Taken:
    """What was taken over: `imported` is None where no row names a restaurant."""

    rows: Sequence[Adopted]
    imported: Imported | None


async def adopt_numbers(
    services: Services,
    given: Sequence[Mapping[str, Any]] | None,
    *,
    carrier: str | None = None,
    former: str | None = None,
    once: Once | None = None,
) -> Taken:
    """Take all rows over, or none: InvalidInput names the first that are refused. What is for restaurants is put in
    service by a batch that may buy nothing; the rest is in the books, idle, at once, and owes its mark and its record
    in Vapi. May be repeated. With the same idempotency key, what it did."""
    named = {place: dict(row) for place, row in enumerate(given or [], 1) if is_named(row)}

    async def restaurants(held: Collection[str] | None) -> Imported:
        bounds, rows = NOTHING_BOUGHT, list(named.values())
        done = await import_restaurants(services, rows, assign=False, bounds=bounds, once=once, held=held)
        places = list(named)
        return replace(done, created=[replace(made, row=places[made.row - 1]) for made in done.created])

    if named and await find_begun(services, once):
        return Taken([], await restaurants(None))
    judged, accounts = await judge_adoption(services, given, carrier=carrier, former=former)
    refuse([one for one in judged if one.fate is AdoptionFate.REFUSED])
    for one in judged:
        if one.former is not None:
            await _take_mark(services, one, accounts)
    imported = await restaurants(accounts.held.keys()) if named else None
    idle = [one for one in judged if one.fate is AdoptionFate.IDLE]
    for start in range(0, len(idle), PIECE):
        await _keep_idle(services, idle[start : start + PIECE], accounts)
    if idle:
        await ask_missing_prices(services)
    return Taken(judged, imported)


async def _keep_idle(services: Services, idle: Sequence[Adopted], accounts: Accounts) -> None:
    async with services.database.write() as session:
        for one in idle:
            number = str(one.number)
            await numbers.ensure(session, number, NumberState.IDLE, carrier=accounts.held[number][0])
        rows = await numbers.lock(session, *(str(one.number) for one in idle))
        for number, row in rows.items():
            if row.claimed_by is None and row.state in (*numbers.NOT_OURS, NumberState.IDLE):
                numbers.adopted(row, *accounts.held[number])
                await debts.owe(session, DebtKind.ADOPT_OWED, number, provider=row.carrier, wait=0)


async def _take_mark(services: Services, one: Adopted, accounts: Accounts) -> None:
    """Our mark in place of that of an installation that is gone; what answers the number stays."""
    assert one.number is not None
    name, owned = accounts.held[one.number]
    record, mark = accounts.records.get(one.number), OwnerMark(services.installation, new_id("imp"))
    accounts.held[one.number] = name, await services.carriers[name].mark(owned, mark)
    if record is not None and other_installation(services.installation, record.name):
        target = Target(record.assistant_id, record.server_url, record.server_credential_id)
        await services.voice.connect(record, target if record.connected else None, str(mark))
