"""What is sent and told about restaurants, and who shares their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.paging import Listing
from trunkline.api.shapes import Answer, Body, Moment, Name, Page, Sharer, Shown, Text
from trunkline.api.shapes.assignments import Assignment, AssignmentSummary, PickBody, show_assignment, show_summary
from trunkline.api.shapes.budgets import Limits, LimitsBody, show_limits
from trunkline.api.shapes.numbers import NumberSearch
from trunkline.db import assignments, budgets, mappings
from trunkline.db import models as rows
from trunkline.domain import choosing as domain
from trunkline.domain.notes import LONGEST_EXTERNAL_ID, MAX_NAME, RestaurantChange, RestaurantNotes
from trunkline.domain.numbers import international_form, national_form
from trunkline.errors import InvalidInput
from trunkline.workflows.identify import Identity

Metadata = Annotated[dict[str, str], Field(examples=[{"pos": "1234"}])]


class NewRestaurant(PickBody):
    name: Name = Field(min_length=1, max_length=MAX_NAME, description="shown to people")
    assign_phone: bool = Field(default=True, description="get it a number now")
    external_id: Name | None = Field(
        default=None, max_length=LONGEST_EXTERNAL_ID, description="its id in your system: of one restaurant at most"
    )
    metadata: Metadata = Field(default={}, description="kept for you: 50 keys of 40 characters, values of 500")

    def notes(self) -> RestaurantNotes:
        return RestaurantNotes.checked(self.external_id, self.metadata)


class Criteria(Body, NumberSearch):
    """What it asks of its next number; all of it, what is left out does not matter."""


class RestaurantPatch(Body):
    """What is left out stays as it is."""

    name: Name | None = Field(default=None, min_length=1, max_length=MAX_NAME, description="shown to people")
    external_id: Name | None = Field(
        default=None, max_length=LONGEST_EXTERNAL_ID, description="its id in your system; null or empty takes it off"
    )
    metadata: Metadata | None = Field(
        default=None, description="merged key by key; an empty value deletes its key, null all of them"
    )
    criteria: Criteria | None = Field(default=None, description="what it asks of its next number, all of it")
    budget: LimitsBody | None = Field(default=None, description="its budget, all of it; null removes it")

    def change(self) -> RestaurantChange:
        given = self.model_fields_set
        if "name" in given and self.name is None:
            raise InvalidInput("a name cannot be taken off", field="name", hint="give another one, or leave it out")
        criteria = self.criteria.criteria() if self.criteria else domain.Criteria()
        return RestaurantChange(
            name=self.name,
            external_id=(self.external_id or "") if "external_id" in given else None,
            metadata=self.metadata,
            forget_metadata="metadata" in given and self.metadata is None,
            wish=criteria.plain() if "criteria" in given else None,
            limits=self.budget.limits() if self.budget else None,
            no_limits="budget" in given and self.budget is None,
        )


class RestaurantSort(StrEnum):
    CREATED = "created"
    NAME = "name"


class RestaurantQuery(Listing):
    has_number: bool | None = Field(default=None, description="only those with a number, or without")
    search: Text | None = Field(default=None, max_length=MAX_NAME, description="part of the name, in any case")
    external_id: Text | None = Field(default=None, max_length=LONGEST_EXTERNAL_ID, description="only the one with it")
    created_after: Moment | None = Field(default=None, description="only those that were created then, or later")
    created_before: Moment | None = Field(default=None, description="only those that were created before then")
    sort: RestaurantSort = Field(
        default=RestaurantSort.CREATED, description="oldest first, or by name in any case, as the database sorts texts"
    )
    deleted: bool = Field(default=False, description="those that were deleted, instead of those that were not")


class RestaurantCounts(Answer):
    total: int
    with_number: int


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
    external_id: str | None = Field(description="its id in your system; null for a restaurant's key")
    metadata: dict[str, str] = Field(description="what you have kept with it; empty for a restaurant's key")
    criteria: dict[str, Any] = Field(description="what it asks of its next number")
    created_at: datetime
    deleted_at: datetime | None = Field(description="null while it lives")


class Restaurant(RestaurantSummary):
    assignment: Assignment | None
    budget: Limits | None = Field(description="null where it has none, and for a restaurant's key")


class CreatedRestaurant(Restaurant):
    api_key: str | None = Field(
        description="reads this restaurant's data, as `Authorization: Bearer`; shown only here. "
        "Null for a restaurant that was there, in a repeated answer, and for who has not its scopes himself"
    )
    api_key_hint: str | None = Field(description="why there is none, and what to do; null where it is shown")


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
    found = await budgets.of_subjects(session, [row.id]) if identity.is_operator else []
    budget = Limits(**show_limits(budgets.limits_of(found[0]))) if found else None
    return Restaurant(**(vars(summary) | {"assignment": detail}), budget=budget)


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
        assignment=show_summary(latest, identity) if latest else None,
        external_id=row.external_id if identity.is_operator else None,
        metadata=(row.notes or {}) if identity.is_operator else {},
        criteria=row.wish or {},
        created_at=row.created_at,
        deleted_at=row.deleted_at,
    )
