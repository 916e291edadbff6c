"""Numbers: what we hold or know, narrowed by the address; and one of them, as its carrier, Vapi and we have it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter, Response

from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.console.sums import sums_of
from trunkline.db import calls, figures, mappings, number_lists, numbers, restaurants, runs
from trunkline.db.calls import CallFilter
from trunkline.db.figures import ZERO, Figure
from trunkline.db.models import Number, utcnow
from trunkline.db.number_lists import NumberFilter, NumberSort
from trunkline.domain.cursors import cut
from trunkline.domain.numbers import BILLED, E164, NumberState, NumberType
from trunkline.domain.scopes import Scope
from trunkline.domain.states import RunStatus
from trunkline.errors import InvalidInput, TrunklineError
from trunkline.settings import CARRIER_NAMES
from trunkline.workflows.change_many import Deed
from trunkline.workflows.services import Services

router = APIRouter(prefix="/console/numbers", route_class=PageRoute, include_in_schema=False)
LIMIT, FEW = 50, 10
LOOK_SECONDS = 5.0
DEEDS = {Deed.RELEASE: "Release", Deed.PROTECT: "Protect", Deed.UNPROTECT: "Unprotect"}
PROTECTED = {"yes": True, "no": False}


def filter_of(page: Page) -> NumberFilter:
    """What the address asks for; InvalidInput names the parameter that cannot be."""
    state, number_type = page.choice("state", NumberState), page.choice("number_type", NumberType)
    country, currency, idle = page.query("country"), page.query("currency"), page.query("idle_days")
    if idle is not None and not (idle.isdecimal() and len(idle) <= 4):
        raise InvalidInput(f"{idle!r} is no number of days", field="idle_days", hint="a whole number")
    return NumberFilter(
        states=(state.value,) if state else (),
        carrier=page.query("carrier"),
        country=country.upper() if country else None,
        number_type=number_type.value if number_type else None,
        protected=PROTECTED.get(page.query("protected") or ""),
        idle_before=utcnow() - timedelta(days=int(idle)) if idle else None,
        min_price=_price(page.query("min_price")),
        currency=currency.upper() if currency else None,
    )


def _price(said: str | None) -> Decimal | None:
    try:
        price = Decimal(said) if said is not None else None
    except InvalidOperation:
        price = Decimal(-1)
    if price is not None and not (price.is_finite() and 0 <= price < 10**8):
        raise InvalidInput(f"{said!r} is no price", field="min_price", hint="write it like 1.15")
    return price


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def list_all(page: PageDep) -> Response:
    wanted, sort = filter_of(page), page.choice("sort", NumberSort) or NumberSort.NUMBER
    counted = await sums_of(page).numbers(page, replace(wanted, states=()))
    async with page.services.database.read() as session:
        after = number_lists.after(page.query("cursor"), sort)
        found = await number_lists.page(session, wanted, sort, after, LIMIT + 1)
        shown, cursor = cut(found, LIMIT, lambda row: number_lists.place_of(row, sort))
        named = [row.number for row in shown]
        return page.show(
            "numbers/list.html",
            rows=shown,
            cursor=cursor,
            served=await mappings.sharers(session, named),
            last_calls=await calls.last_of_numbers(session, named),
            given=dict(page.request.query_params),
            state=page.query("state"),
            narrowed=wanted != NumberFilter(),
            deeds=DEEDS.items(),
            counts=figures.by_state(counted),
            sums=_sums(counted, wanted.states),
            carriers=CARRIER_NAMES,
            types=list(NumberType),
            sorts=list(NumberSort),
        )


def _sums(found: list[Figure], states: Sequence[str]) -> list[tuple[str | None, int, Decimal]]:
    """(currency, numbers, sum) of what is shown, as far as it is paid for; no currency where no price is known."""
    shown = [figure for figure in found if figure.state in BILLED and (not states or figure.state in states)]
    return [
        (currency, sum(figure.numbers for figure in of), sum((figure.monthly for figure in of), ZERO))
        for currency in sorted({figure.currency for figure in shown}, key=str)
        if (of := [figure for figure in shown if figure.currency == currency])
    ]


@router.get("/{number}", dependencies=needs(Scope.NUMBERS_READ))
async def read(page: PageDep, number: str) -> Response:
    wanted = page.number(number)
    async with page.services.database.read() as session:
        row = await numbers.get(session, wanted)
        history = await mappings.history(session, wanted)
        found = await calls.page(session, CallFilter(called=wanted), limit=FEW) if page.may(Scope.CALLS_READ) else []
        ids = [m.restaurant_id for m in history] + [call.restaurant_id or "" for call in found]
        names = await restaurants.names(session, [*ids, row.former_restaurant_id or ""])
        told = await _story(page, wanted)
    return page.show("numbers/one.html", row=row, history=history[::-1], calls=found, names=names, **told)


@router.get("/{number}/story", dependencies=needs(Scope.NUMBERS_READ))
async def read_story(page: PageDep, number: str) -> Response:
    """The part of the page that changes while something is done with the number."""
    wanted = page.number(number)
    async with page.services.database.read() as session:
        row = await numbers.get(session, wanted)
    return page.show("numbers/story.html", row=row, **await _story(page, wanted))


@router.get("/{number}/outside", dependencies=needs(Scope.NUMBERS_READ))
async def read_outside(page: PageDep, number: str) -> Response:
    """What its carrier and Vapi say of it now: asked when the page is there, since they may be slow."""
    wanted = page.number(number)
    async with page.services.database.read() as session:
        row = await numbers.get(session, wanted)
    carrier, voice = await asyncio.gather(_at_carrier(page.services, row), _at_vapi(page.services, row))
    template = "numbers/outside.html" if page.is_piece else "numbers/outside_page.html"
    return page.show(template, row=row, carrier=carrier, voice=voice)


async def _story(page: Page, number: E164) -> dict[str, Any]:
    """What was done with it, newest first, each with its steps."""
    async with page.services.database.read() as session:
        moves, releases = await runs.moves_of(session, number), await runs.releases_of(session, number)
        done = sorted([*moves, *releases], key=lambda run: run.created_at, reverse=True)[:FEW]
        steps = await runs.steps(session, [run.id for run in done])
        names = await restaurants.names(session, [m.to_id for m in moves] + [m.from_id for m in moves if m.from_id])
        served = (await mappings.sharers(session, [number])).get(number, [])
    running = any(run.status == RunStatus.RUNNING for run in done)
    return {"runs": done, "run_steps": steps, "run_names": names, "served": served, "running": running}


async def _at_carrier(services: Services, row: Number) -> dict[str, Any]:
    carrier = services.carriers.get(row.carrier or "")
    if carrier is None:
        return {"says": f"{row.carrier or 'its carrier'} is not configured here"}
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            owned = await carrier.lookup(E164(row.number))
    except TrunklineError as error:
        return {"says": error.detail}
    except TimeoutError:
        return {"says": "it does not answer in time"}
    return {"says": None if owned else "the account does not hold it", "owned": owned}


async def _at_vapi(services: Services, row: Number) -> dict[str, Any]:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            found = await services.voice.find(E164(row.number))
    except TrunklineError as error:
        return {"says": error.detail}
    except TimeoutError:
        return {"says": "it does not answer in time"}
    return {"says": None if found else "there is no record of it", "found": found}
