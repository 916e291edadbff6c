"""Why a call went where it went: who had the number at that time, and what else decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import callers, calls, mappings, restaurants
from trunkline.db.models import Call, Mapping


@dataclass(frozen=True)
class HolderThen:
    """A restaurant that had the number when the call came, or until shortly before (`ended_at`)."""

    restaurant_id: str
    name: str
    since: datetime
    ended_at: datetime | None
    registered_caller: bool


@dataclass(frozen=True)
class Explanation:
    call: Call
    holders: list[HolderThen]
    because: str


async def explain_call(session: AsyncSession, call_id: str) -> Explanation:
    """NotFound for a call that nobody has heard of."""
    call = await calls.get(session, call_id)
    moment = call.first_seen_at  # when it was given to somebody, by our own clock
    found = await mappings.at(session, call.called, moment) if call.called else []
    names = await restaurants.names(session, [mapping.restaurant_id for mapping in found])
    holders = [await _holder(session, call, mapping, names) for mapping in found]
    return Explanation(call, holders, _because(call, holders, moment))


async def _holder(session: AsyncSession, call: Call, mapping: Mapping, names: dict[str, str]) -> HolderThen:
    registered = call.caller in await callers.of_restaurant(session, mapping.restaurant_id)
    name = names.get(mapping.restaurant_id, mapping.restaurant_id)
    return HolderThen(mapping.restaurant_id, name, mapping.created_at, mapping.ended_at, registered)


def _because(call: Call, holders: list[HolderThen], moment: datetime) -> str:
    if call.called is None:
        return "Vapi did not say which number was called"
    current = [holder for holder in holders if holder.ended_at is None or holder.ended_at > moment]
    reached = next((holder for holder in holders if holder.restaurant_id == call.restaurant_id), None)
    if call.restaurant_id is None:
        had = f"; {holders[-1].name} had it until {holders[-1].ended_at:%Y-%m-%d %H:%M} UTC" if holders else ""
        return f"{call.called} was nobody's then{had}" if not current else "the call could not be given to a restaurant"
    if reached is None:
        return f"restaurant {call.restaurant_id} had {call.called} when the call was first heard of"
    if call.former:
        return f"{call.called} had just been taken from {reached.name}"
    if len(current) <= 1:
        return f"{call.called} was {reached.name}'s"
    others = ", ".join(holder.name for holder in current if holder is not reached)
    if reached.registered_caller:
        return f"{call.called} was shared with {others}, and {call.caller} is registered by {reached.name}"
    return f"{call.called} was shared with {others}, and its calls were for {reached.name}"
