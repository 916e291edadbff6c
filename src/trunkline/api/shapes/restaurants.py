"""What is sent and told about restaurants, and who shares their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Name, Page, Sharer, Shown, Text
from trunkline.api.shapes.assignments import Assignment, AssignmentSummary, WishBody, show_assignment, show_summary
from trunkline.db import assignments, mappings
from trunkline.db import models as rows
from trunkline.domain.notes import MAX_NAME
from trunkline.domain.numbers import international_form, national_form
from trunkline.workflows.identify import Identity


class NewRestaurant(WishBody):
    name: Name = Field(min_length=1, max_length=MAX_NAME, description="shown to people")
    assign_phone: bool = Field(default=True, description="get it a number now")


class RestaurantQuery(Listing):
    has_number: bool | None = Field(default=None, description="only those with a number, or without")
    search: Text | None = Field(default=None, max_length=MAX_NAME, description="part of the name, in any case")


class RestaurantSummary(Answer):
    """A restaurant, its number, and its latest assignment."""

    id: str
    name: str
    phone_number: str | None = Field(description="E.164")
    phone_number_national: Shown
    phone_number_international: str | None
    shared: bool = Field(description="whether other restaurants have the same number")
    shared_with: list[Sharer] = Field(description="the others; empty for a restaurant's key")
    active: bool = Field(description="whether the number's calls reach this restaurant")
    assignment: AssignmentSummary | None
    created_at: datetime


class Restaurant(RestaurantSummary):
    assignment: Assignment | None


class CreatedRestaurant(Restaurant):
    api_key: str | None = Field(
        description="reads this restaurant's data, as `Authorization: Bearer`; shown only here. "
        "Null in a repeated answer if it was renewed, or VAPI_SECRET_KEY changed, since"
    )


class RotatedKey(Answer):
    id: str
    api_key: str = Field(description="reads this restaurant's data, as `Authorization: Bearer`; shown only here")


class DeletedRestaurant(Answer):
    id: str
    freed_number: str | None = Field(description="the number that serves nobody now, and cools down")


class RestaurantPage(Page[RestaurantSummary]):
    pass


async def show_summaries(
    session: AsyncSession, found: Sequence[rows.Restaurant], identity: Identity
) -> list[RestaurantSummary]:
    ids = [row.id for row in found]
    current = await mappings.currents(session, ids)
    sharers = await mappings.sharers(session, [mapping.number for mapping in current.values()])
    latest = await assignments.latest(session, ids)
    return [_show(row, current.get(row.id), sharers, latest.get(row.id), identity) for row in found]


async def show_restaurant(
    session: AsyncSession, row: rows.Restaurant, identity: Identity, shown: rows.Assignment | None = None
) -> Restaurant:
    """With the steps of its latest assignment, or of the one to be shown."""
    summary = (await show_summaries(session, [row], identity))[0]
    if shown is None:
        shown = (await assignments.latest(session, [row.id])).get(row.id)
    detail = None if shown is None else await show_assignment(session, shown, identity)
    return Restaurant(**(vars(summary) | {"assignment": detail}))


def _show(
    row: rows.Restaurant,
    mapping: rows.Mapping | None,
    sharers: dict[str, list[tuple[str, str, bool]]],
    latest: rows.Assignment | None,
    identity: Identity,
) -> RestaurantSummary:
    number = mapping.number if mapping else None
    others = [Sharer(id=i, name=name) for i, name, _ in sharers.get(number or "", []) if i != row.id]
    return RestaurantSummary(
        id=row.id,
        name=row.name,
        phone_number=number,
        phone_number_national=national_form(number) if number else None,
        phone_number_international=international_form(number) if number else None,
        shared=bool(others),
        shared_with=others if identity.is_operator else [],
        active=bool(mapping and mapping.active),
        assignment=show_summary(latest) if latest else None,
        created_at=row.created_at,
    )
