"""Tools that look: they cost nothing and change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

from pydantic import Field

from trunkline.mcp.caller import caller, refusals
from trunkline.mcp.shapes import (
    Answer,
    Costs,
    Debt,
    Debts,
    Drift,
    Explanation,
    History,
    HistoryLine,
    Number,
    Numbers,
    Offers,
    Plan,
    Restaurant,
    Restaurants,
    shown,
)

A = TypeVar("A", bound=Answer)
T = TypeVar("T")
Limit = Annotated[int, Field(ge=1, le=100, description="how many at most")]
RestaurantName = Annotated[str, Field(description="the restaurant's id, external_id or exact name")]
PhoneNumber = Annotated[str, Field(description="in E.164, like +14155550123")]
Country = Annotated[str | None, Field(description="two-letter ISO code; the server's own if left out")]
Carrier = Annotated[str | None, Field(description="twilio, telnyx or vonage; all that are set up if left out")]


async def find_restaurants(
    search: Annotated[str | None, Field(description="a part of the name")] = None,
    has_number: bool | None = None,
    limit: Limit = 20,
) -> Restaurants:
    """Find restaurants, with the numbers that they have."""
    with refusals():
        items, more = await first(caller().ask.restaurants(search=search, has_number=has_number), limit)
        return Restaurants(items=[shown(Restaurant, one) for one in items], more=more)


async def show_restaurant(restaurant: RestaurantName) -> Restaurant:
    """Show a restaurant, its number and how its last assignment went."""
    with refusals():
        return shown(Restaurant, await caller().ask.restaurant(restaurant))


async def list_numbers(
    state: Annotated[str | None, Field(description="idle, in_service, cooling_down ...; all if left out")] = None,
    limit: Limit = 20,
) -> Numbers:
    """List the numbers that we hold, whom they serve and what they cost a month."""
    with refusals():
        items, more = await first(caller().ask.numbers(state=state), limit)
        return Numbers(items=[shown(Number, one) for one in items], more=more)


async def search_numbers(
    country: Country = None,
    area_code: Annotated[str | None, Field(description="three digits, in the US and Canada")] = None,
    contains: Annotated[str | None, Field(description="digits that the number has in a row")] = None,
    number_type: Annotated[str | None, Field(description="local, mobile, toll_free or national")] = None,
    carrier: Carrier = None,
    limit: Limit = 10,
) -> Offers:
    """Search what is for sale. Nothing is bought or held."""
    with refusals():
        found = await caller().ask.search_numbers(
            country=country,
            area_code=area_code,
            contains=contains,
            number_type=number_type,
            carrier=carrier,
            limit=limit,
        )
        return shown(Offers, found)


async def list_debts(limit: Limit = 20) -> Debts:
    """List what is still owed to carriers and Vapi, oldest first. Each is worked off by itself."""
    with refusals():
        items, more = await first(caller().ask.debts(), limit)
        return Debts(items=[shown(Debt, one) for one in items], more=more)


async def show_costs() -> Costs:
    """Show what all numbers cost a month, by currency."""
    with refusals():
        return shown(Costs, await caller().ask.costs())


async def plan_reconcile(limit: Limit = 20) -> Plan:
    """Compare carriers, Vapi and our tables, and show what would be changed. Nothing is changed."""
    with refusals():
        plan = await caller().ask.make_plan()
        items, more = await first(caller().ask.drifts(plan.id), limit)
        drifts = [shown(Drift, one) for one in items]
        return Plan(id=plan.id, status=plan.status, changes=plan.changes, counts=plan.counts, drifts=drifts, more=more)


async def explain_call(call_id: Annotated[str, Field(description="the call's id, as Vapi has it")]) -> Explanation:
    """Explain why a call reached the restaurant that it reached, or none."""
    with refusals():
        return shown(Explanation, await caller().ask.explain_call(call_id))


async def show_history(
    subject: Annotated[str, Field(description="a number, or the id of a restaurant, a key or a run")],
    limit: Limit = 50,
) -> History:
    """Show all that happened to a number or a restaurant, oldest first: when, what, by whom and why."""
    with refusals():
        items, more = await first(caller().ask.history(subject), limit)
        return History(items=[shown(HistoryLine, one) for one in items], more=more)


async def first(many: AsyncIterator[T], limit: int) -> tuple[list[T], bool]:
    """So many of them, and whether there are more."""
    items: list[T] = []
    async for one in many:
        if len(items) == limit:
            return items, True
        items.append(one)
    return items, False
