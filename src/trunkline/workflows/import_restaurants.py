"""Many restaurants at once, from a file: all rows are judged first, then all are written, then a batch gets numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError

from trunkline.db import batches, idempotency, keys, mappings, numbers, restaurants
from trunkline.db.models import Restaurant
from trunkline.db.runs import BATCHES
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.bulk import JudgedRow, Row, RowFate, check_rows, refused
from trunkline.domain.notes import RestaurantChange, merged_metadata
from trunkline.domain.wishes import PICKED, Wish
from trunkline.errors import Conflict, InvalidInput
from trunkline.workflows.manage_restaurant import new_restaurant
from trunkline.workflows.once import Once, find_begun
from trunkline.workflows.pick_number import keep_named, refuse_busy
from trunkline.workflows.plan_batch import Plan, plan_for
from trunkline.workflows.run_batch import BatchRequest, RunBatch
from trunkline.workflows.services import Services

PIECE = 500
TOLD = 5  # refused rows in one sentence


@dataclass(frozen=True)
class ImportedRow:
    """A restaurant that a row has created. `api_key` is its key; None where it was told before."""

    row: int
    id: str
    name: str
    external_id: str | None
    api_key: str | None


@dataclass(frozen=True)
class Imported:
    """`batch_id` is None where nobody is to get a number."""

    created: list[ImportedRow]
    changed: int
    same: int
    batch_id: str | None

    def plain(self) -> dict[str, Any]:
        """As it is kept: without the keys."""
        return {**asdict(self), "created": [asdict(replace(made, api_key=None)) for made in self.created]}


async def judge_rows(
    services: Services, given: Sequence[Mapping[str, Any]], held: Collection[str] | None = None
) -> list[JudgedRow]:
    """What would become of each row; nothing is changed. `held` is what the accounts have, where somebody has just read
    it. A ProviderError where rows name numbers, and an account cannot be read."""
    rows, wrong = check_rows(given, services.settings.default_country)
    if held is None:
        held = await _held(services) if any(row.wish.number for row in rows) else set()
    async with services.database.read() as session:
        there = await restaurants.by_external_ids(session, [row.notes.external_id for row in rows])
        called = await restaurants.by_names(session, [row.name for row in rows if row.known_by_name])
        known = await numbers.known(session, [row.wish.number for row in rows if row.wish.number])
        judged = []
        for place, row in enumerate(rows):
            if place % PIECE == 0:
                await asyncio.sleep(0)  # calls go on meanwhile
            try:
                before = _only(called.get(row.name)) if row.known_by_name else there.get(row.notes.external_id or "")
                gets = await _gets_number(session, row, before, known, held)
            except InvalidInput as error:
                judged.append(refused(row.place, error))
            else:
                judged.append(_judged(row, before, gets))
    return sorted([*judged, *wrong], key=lambda one: one.place)


async def plan_numbers(services: Services, judged: Sequence[JudgedRow], bounds: SpendingLimits) -> Plan | None:
    """Where the new restaurants' numbers would come from, and what they would cost; None where there are none."""
    wishes = [one.row.wish for one in judged if one.row is not None and one.fate is RowFate.NEW]
    wishes.sort(key=lambda wish: wish.number is None)  # as the batch serves them
    return await plan_for(services, [(None, wish) for wish in wishes], bounds) if wishes else None


async def import_restaurants(
    services: Services,
    given: Sequence[Mapping[str, Any]],
    *,
    assign: bool,
    bounds: SpendingLimits,
    once: Once | None = None,
    held: Collection[str] | None = None,
) -> Imported:
    """Write all rows, or none: InvalidInput names the first that are refused. `assign`: a batch within the `bounds`
    gets the new restaurants their numbers; a number that a row names becomes its restaurant's in any case. Once per
    idempotency key."""
    if await find_begun(services, once):
        return await _imported_before(services, once)
    judged = await judge_rows(services, given, held)
    refuse([one for one in judged if one.fate is RowFate.REFUSED])
    new = [one.row for one in judged if one.row is not None and one.fate is RowFate.NEW]
    changed = [one for one in judged if one.fate is RowFate.CHANGED]
    try:
        async with services.database.write() as session:
            created = await _create(session, new)
            for one in changed:
                await _edit(session, one)
            wanted = {made.id: row.wish for made, row in zip(created, new, strict=True)}
            wanted |= {one.restaurant_id or "": one.row.wish for one in changed if one.row and PICKED in one.changes}
            batch_id = await _begin_batch(session, wanted, assign, bounds)
            done = Imported(created, len(changed), sum(one.fate is RowFate.SAME for one in judged), batch_id)
            if once is not None:
                idempotency.add(session, once.key, once.fingerprint, batch_id, None)
                await idempotency.keep(session, once.key, done.plain())
    except IntegrityError:
        if await find_begun(services, once):  # the same came at the same time
            return await _imported_before(services, once)
        hint = "import the file again"
        raise Conflict("a restaurant with one of these external_ids was created meanwhile", hint=hint) from None
    if batch_id is not None:
        await services.engine.start(RunBatch.kind, batch_id)
    return done


async def _imported_before(services: Services, once: Once | None) -> Imported:
    """What the same request had done; the keys were told then."""
    assert once is not None
    async with services.database.read() as session:
        kept = await idempotency.answer(session, once.key)
    if kept is None:
        raise Conflict("what this import had answered told of a restaurant that is erased", hint="use a new key")
    return Imported(**kept | {"created": [ImportedRow(**plain) for plain in kept["created"]]})


def _only(namesakes: Sequence[Restaurant] | None) -> Restaurant | None:
    """Of those that a row's name alone tells of. InvalidInput where it could be several."""
    if not namesakes:
        return None
    if len(namesakes) > 1:
        detail = f"{len(namesakes)} restaurants are called {namesakes[0].name}"
        raise InvalidInput(detail, field="external_id", hint="say by its external_id which of them")
    return namesakes[0]


async def _held(services: Services) -> set[str]:
    """Every number that the voice platform or an account of ours has."""
    found: set[str] = {voice.number for voice in await services.voice.numbers() if voice.number}
    for carrier in services.carriers.values():
        found |= {owned.number async for owned in carrier.owned()}
    return found


async def _gets_number(
    session: Any, row: Row, before: Restaurant | None, known: Mapping[str, Any], held: Collection[str]
) -> bool:
    """Whether it is to get the number that the row names, and has not. InvalidInput where it cannot."""
    number = row.wish.number
    if number is None:
        return False
    current = await mappings.current(session, before.id) if before is not None else None
    if before is not None and current is not None:
        if current.number == number:
            return False
        hint = f"POST /api/numbers/{number}/move gives it to {before.id}"
        raise InvalidInput(f"restaurant {before.id} is there and has {current.number}", field=PICKED, hint=hint)
    if number not in held:
        detail = f"{number} is in none of the configured accounts"
        raise InvalidInput(detail, field=PICKED, hint="configure the account that has it, or leave it out")
    if number in known:
        try:
            await refuse_busy(session, known[number], before.id if before is not None else None)
        except Conflict as error:
            raise InvalidInput(error.detail, field=PICKED, hint=error.hint) from None
    return True


def _judged(row: Row, before: Restaurant | None, gets_number: bool) -> JudgedRow:
    if before is None:
        return JudgedRow(row.place, RowFate.NEW, row)
    changes = []
    if row.name != before.name:
        changes.append("name")
    if merged_metadata(before.notes, row.notes.metadata) != (before.notes or {}):
        changes.append("metadata")
    if row.wish.lasting() and row.wish.lasting() != (before.wish or {}):
        changes.append("criteria")
    if gets_number:
        changes.append(PICKED)
    fate = RowFate.CHANGED if changes else RowFate.SAME
    return JudgedRow(row.place, fate, row, before.id, tuple(changes))


class Wrong(Protocol):
    """A row that is refused, and why."""

    @property
    def place(self) -> int: ...
    @property
    def field(self) -> str | None: ...
    @property
    def detail(self) -> str | None: ...
    @property
    def hint(self) -> str | None: ...


def refuse(wrong: Sequence[Wrong]) -> None:
    """InvalidInput that names the first of them, if there are any."""
    if not wrong:
        return
    first = wrong[0]
    told = "; ".join(f"row {one.place}, {one.field}: {one.detail}" for one in wrong[:TOLD])
    more = f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
    hint = first.hint if len(wrong) == 1 else "mend them all: with dry_run each is told"
    raise InvalidInput(f"{told}{more}; nothing was done", field=f"rows.{first.place - 1}.{first.field}", hint=hint)


async def _create(session: Any, rows: Sequence[Row]) -> list[ImportedRow]:
    created: list[ImportedRow] = []
    for start in range(0, len(rows), PIECE):
        piece = rows[start : start + PIECE]
        made = [new_restaurant(row.name, row.notes, row.wish) for row in piece]
        await restaurants.add_many(session, made)
        api_keys = await keys.add_own(session, [restaurant.id for restaurant in made])
        for row, restaurant, api_key in zip(piece, made, api_keys, strict=True):
            created.append(ImportedRow(row.place, restaurant.id, row.name, row.notes.external_id, api_key))
            await keep_named(session, row.wish, restaurant.id)
        await asyncio.sleep(0)
    return created


async def _edit(session: Any, one: JudgedRow) -> None:
    assert one.row is not None
    restaurant = await restaurants.get(session, one.restaurant_id or "", lock=True)
    wish = one.row.wish.lasting() or None
    change = RestaurantChange(name=one.row.name, metadata=one.row.notes.metadata, wish=wish)
    await restaurants.edit(session, restaurant, change)


async def _begin_batch(session: Any, wanted: Mapping[str, Wish], assign: bool, bounds: SpendingLimits) -> str | None:
    """Write the batch that serves them; each with the number that its row names."""
    served: dict[str, str | None] = {one: wish.number for one, wish in wanted.items() if assign or wish.number}
    if not served:
        return None
    batch = await BATCHES.add(session, request=BatchRequest(Wish(), limit=len(served), bounds=bounds).plain())
    await batches.add_items(session, batch.id, list(served), picked=served)
    return batch.id
