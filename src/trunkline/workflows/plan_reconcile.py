"""Compares carriers, Vapi and our own tables, and says what would mend each difference; changes nothing outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import accounts, calls, plans
from trunkline.db.models import Number, ReconcilePlan, utcnow
from trunkline.domain.drifts import Drift, DriftKind, Facts, Found, Policy, checksum, decide
from trunkline.domain.money import Money
from trunkline.domain.numbers import NumberType
from trunkline.errors import ProviderError
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows.accounts import VOICE
from trunkline.workflows.compare_worlds import Comparison
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.purchase_outcome import look_after
from trunkline.workflows.services import Services
from trunkline.workflows.worlds import AtCarrier, Worlds, read_worlds

CHUNK = 500


@dataclass(frozen=True)
class Compared:
    """What a comparison found, and what it may change by its policy; `lists` says how far each list is believed.
    `keys` are fingerprints of the carriers' keys that Vapi was given, for those of which it was not known."""

    drifts: Sequence[Drift]
    lists: list[dict[str, Any]]
    keys: dict[str, str]

    @property
    def checksum(self) -> str:
        return checksum(self.drifts)

    @property
    def failed(self) -> bool:
        return not all(listed["whole"] for listed in self.lists)


@dataclass(frozen=True)
class Looked:
    """Numbers that a list lacks: held by another account of ours, or by none."""

    elsewhere: dict[str, str]
    gone: set[str]


async def compare(services: Services, policy: Policy) -> Compared:
    """The present differences. Conflict where more would be given back than may be at once."""
    with urgent(Urgency.UNASKED):
        worlds = await read_worlds(services)
        looked = await _look_for_missing(services, worlds)
        prices = await _prices(services, worlds)
    comparison = Comparison(
        services,
        worlds,
        prices=prices,
        elsewhere=looked.elsewhere,
        gone=looked.gone,
        called=await _called(services, worlds),
    )
    found = list(comparison.found())
    if policy.buy:
        found += _to_be_bought(found)
    drifts = decide(found, policy, held=len(worlds.books.held), doubted=_doubted(worlds), now=utcnow())
    keys = {name: at.keys for name, at in worlds.carriers.items() if at.whole and at.keys and at.keys_in_voice is None}
    return Compared(drifts, [listing.plain() for listing in worlds.lists], keys)


async def watch(services: Services) -> ReconcilePlan:
    """Compare, unasked; the plan, which is kept."""
    compared = await compare(services, policy := Policy())
    async with services.database.write() as session:
        return await _keep(session, compared, policy, watched=True)


async def _keep(session: AsyncSession, compared: Compared, policy: Policy, *, watched: bool) -> ReconcilePlan:
    for provider, keys in compared.keys.items():
        await accounts.keep_keys_in_voice(session, provider, keys)
    return await plans.add(session, compared.drifts, policy, compared.lists, watched=watched)


async def make_plan_once(services: Services, policy: Policy, once: Once | None) -> str:
    """The id of a new plan; with the same idempotency key, of the one that was made."""
    if begun := await find_begun(services, once):
        return begun.run
    compared = await compare(services, policy)

    async def keep(session: AsyncSession) -> Begun:
        return Begun((await _keep(session, compared, policy, watched=False)).id)

    return (await begin_once(services, once, None, keep)).run


def _doubted(worlds: Worlds) -> dict[str, str]:
    """Why nothing of a provider is changed: its list is not believed, or Vapi's, without which nothing is known of who
    is served."""
    if not worlds.vapi.whole:
        return {name: f"Vapi's list is not believed: {worlds.vapi.doubt}" for name in (*worlds.carriers, VOICE)}
    return {
        name: f"its list is not believed: {listing.doubt}"
        for name, listing in worlds.carriers.items()
        if not listing.whole
    }


def _to_be_bought(found: Sequence[Found]) -> list[Found]:
    """For each restaurant whose number is gone, as the plan finds just now: that it has none then."""
    return [
        Found(replace(one.drift, kind=DriftKind.LOST_NUMBER), Facts())
        for one in found
        if one.drift.kind is DriftKind.GHOST and one.drift.restaurant_id is not None
    ]


async def _look_for_missing(services: Services, worlds: Worlds) -> Looked:
    """A list shows one account alone: what it lacks may be in another one of ours, whose lists are asked for only then.
    Where they cannot be read, the list is not believed."""
    looked = Looked({}, set())
    bought_before = worlds.began_at - timedelta(seconds=look_after(services))
    for name, listing in worlds.carriers.items():
        if listing.whole:
            missing = [row for row in worlds.books.held if _is_missing(row, listing, worlds, bought_before)]
            await _look_for(services.carriers[name], missing, listing, looked)
    return looked


def _is_missing(row: Number, listing: AtCarrier, worlds: Worlds, bought_before: datetime) -> bool:
    if row.carrier != listing.provider or row.number in listing.held or row.number in worlds.books.busy:
        return False
    if row.bought_at is not None and row.bought_at > bought_before:
        return False
    return not (row.account and listing.account and row.account != listing.account)


async def _look_for(carrier: Carrier, missing: Sequence[Number], listing: AtCarrier, looked: Looked) -> None:
    try:
        others = {str(owned.number): owned.account for owned in await carrier.elsewhere()} if missing else {}
    except ProviderError as error:
        listing.doubt, listing.hint = error.detail, error.hint
        return
    for row in missing:
        if row.number in others:
            looked.elsewhere[row.number] = others[row.number]
        else:
            looked.gone.add(row.number)


async def _prices(services: Services, worlds: Worlds) -> dict[tuple[str, str, str], Money]:
    """What each kind of number that we pay for costs by its carrier's list; a carrier that does not say is left out."""
    kinds = {
        (row.carrier, row.country, row.number_type)
        for row in worlds.books.held
        if row.carrier and row.country and row.number_type and row.monthly_price is not None
    }
    prices: dict[tuple[str, str, str], Money] = {}
    for name, country, number_type in sorted(kinds):
        listing, carrier = worlds.carriers.get(name), services.carriers.get(name)
        if listing is None or carrier is None or not listing.whole:
            continue
        try:
            price = await carrier.price(country, NumberType(number_type))
        except ProviderError:
            continue
        if price is not None:
            prices[name, country, number_type] = price
    return prices


async def _called(services: Services, worlds: Worlds) -> dict[str, datetime]:
    """When the numbers that we do not hold were called last: who still calls one would be cut off."""
    held = {row.number for row in worlds.books.held}
    beside = [number for listing in worlds.carriers.values() for number in listing.held if number not in held]
    found: dict[str, datetime] = {}
    async with services.database.read() as session:
        for start in range(0, len(beside), CHUNK):
            found |= await calls.last_of_numbers(session, beside[start : start + CHUNK])
    return found
