"""From rows to answers: what belongs to a page of rows is read at once, whatever its length."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api import schemas
from trunkline.api.identity import Caller
from trunkline.db import assignments, mappings, restaurants, runs
from trunkline.db import models as rows
from trunkline.domain.choosing import Offer
from trunkline.domain.numbers import NumberState, international_form, national_form
from trunkline.domain.states import OWED, DebtKind

CENT = Decimal("0.01")


def price(amount: Decimal | None) -> Decimal | None:
    """Without the zeros that the database adds."""
    if amount is None:
        return None
    return amount.quantize(CENT) if amount == amount.quantize(CENT) else amount.normalize()


def step(row: rows.Step, caller: Caller) -> schemas.Step:
    """Details tell of the operator's accounts, so a restaurant's key does not see them."""
    took = (row.ended_at - row.started_at).total_seconds() * 1000 if row.ended_at else None
    return schemas.Step(
        name=row.name,
        carrier=row.carrier,
        status=row.status,
        attempt=row.attempt,
        started_at=row.started_at,
        duration_ms=None if took is None else round(took),
        detail=row.detail if caller.is_operator else None,
    )


def assignment_summary(row: rows.Assignment) -> schemas.AssignmentSummary:
    return schemas.AssignmentSummary.model_validate(
        {
            "id": row.id,
            "restaurant_id": row.restaurant_id,
            "status": row.status,
            "source": row.source,
            "phone_number": row.number,
            "reason": row.reason,
            "message": row.message,
            "hint": row.hint.replace("{id}", row.restaurant_id) if row.hint else None,
            "force_twilio": row.force_twilio,
            "criteria": row.criteria,
            "batch_id": row.batch_id,
            "created_at": row.created_at,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
        }
    )


async def assignment(session: AsyncSession, row: rows.Assignment, caller: Caller) -> schemas.Assignment:
    steps = (await runs.steps(session, [row.id]))[row.id]
    return schemas.Assignment(**vars(assignment_summary(row)), steps=[step(s, caller) for s in steps])


async def restaurant_summaries(
    session: AsyncSession, found: Sequence[rows.Restaurant], caller: Caller
) -> list[schemas.RestaurantSummary]:
    ids = [row.id for row in found]
    current = await mappings.currents(session, ids)
    sharers = await mappings.sharers(session, [mapping.number for mapping in current.values()])
    latest = await assignments.latest(session, ids)
    return [_restaurant(row, current.get(row.id), sharers, latest.get(row.id), caller) for row in found]


async def restaurant(
    session: AsyncSession, row: rows.Restaurant, caller: Caller, shown: rows.Assignment | None = None
) -> schemas.Restaurant:
    """With the steps of its latest assignment, or of the one to be shown."""
    summary = (await restaurant_summaries(session, [row], caller))[0]
    if shown is None:
        shown = (await assignments.latest(session, [row.id])).get(row.id)
    detail = None if shown is None else await assignment(session, shown, caller)
    return schemas.Restaurant(**(vars(summary) | {"assignment": detail}))


def _restaurant(
    row: rows.Restaurant,
    mapping: rows.Mapping | None,
    sharers: dict[str, list[tuple[str, str, bool]]],
    latest: rows.Assignment | None,
    caller: Caller,
) -> schemas.RestaurantSummary:
    number = mapping.number if mapping else None
    others = [schemas.Sharer(id=i, name=name) for i, name, _ in sharers.get(number or "", []) if i != row.id]
    return schemas.RestaurantSummary(
        id=row.id,
        name=row.name,
        phone_number=number,
        phone_number_national=national_form(number) if number else None,
        phone_number_international=international_form(number) if number else None,
        shared=bool(others),
        shared_with=others if caller.is_operator else [],
        active=bool(mapping and mapping.active),
        assignment=assignment_summary(latest) if latest else None,
        created_at=row.created_at,
    )


async def numbers(session: AsyncSession, found: Sequence[rows.Number]) -> list[schemas.Number]:
    sharers = await mappings.sharers(session, [row.number for row in found])
    return [_number(row, sharers.get(row.number, [])) for row in found]


def _number(row: rows.Number, users: list[tuple[str, str, bool]]) -> schemas.Number:
    return schemas.Number(
        number=row.number,
        national=national_form(row.number),
        international=international_form(row.number),
        state=NumberState(row.state),
        carrier=row.carrier,
        country=row.country,
        number_type=row.number_type,
        monthly_price=price(row.monthly_price),
        currency=row.currency,
        restaurants=[schemas.User(id=i, name=name, active=active) for i, name, active in users],
        cooling_until=row.cooling_until,
        former_restaurant_id=row.former_restaurant_id,
        claimed_by=row.claimed_by,
        bought_at=row.bought_at,
        released_at=row.released_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def number_detail(
    session: AsyncSession, row: rows.Number, released: Sequence[rows.Release]
) -> schemas.NumberDetail:
    summary = (await numbers(session, [row]))[0]
    history = await mappings.history(session, row.number)
    names = await restaurants.names(session, [mapping.restaurant_id for mapping in history])
    return schemas.NumberDetail(
        **vars(summary),
        carrier_ref=row.carrier_ref,
        voice_id=row.voice_id,
        mappings=[
            schemas.Mapping(
                restaurant_id=m.restaurant_id,
                restaurant_name=names[m.restaurant_id],
                source=m.source,
                active=m.active,
                since=m.created_at,
                ended_at=m.ended_at,
                end_reason=m.end_reason,
            )
            for m in history
        ],
        releases=await releases(session, released),
    )


async def releases(session: AsyncSession, found: Sequence[rows.Release]) -> list[schemas.Release]:
    steps = await runs.steps(session, [row.id for row in found])
    return [
        schemas.Release(
            id=row.id,
            number=row.number,
            give_back=row.give_back,
            status=row.status,
            message=row.message,
            steps=[step(s, Caller()) for s in steps[row.id]],
            created_at=row.created_at,
            ended_at=row.ended_at,
        )
        for row in found
    ]


def offer(carrier: str, found: Offer) -> schemas.Offer:
    return schemas.Offer(
        carrier=carrier,
        number=found.number,
        national=national_form(found.number) if found.number else None,
        country=found.country,
        number_type=found.number_type.value,
        monthly_price=price(found.monthly_price),
        upfront_price=price(found.upfront_price),
        currency=found.currency,
        needs=list(found.needs),
    )


def debt(row: rows.Debt) -> schemas.Debt:
    kind = DebtKind(row.kind)
    return schemas.Debt(
        id=row.id,
        kind=kind,
        owed=OWED[kind],
        subject=row.subject,
        restaurant_id=row.restaurant_id,
        run_id=row.run_id,
        since=row.created_at,
        tries=row.tries,
        reason=row.reason,
        next_try_at=row.next_try_at,
    )
