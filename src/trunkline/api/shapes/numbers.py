"""What is searched for, offered, held and released."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.paging import Listing
from trunkline.api.shapes import (
    Answer,
    Body,
    CarrierName,
    Moment,
    Page,
    Price,
    ServedRestaurant,
    Short,
    Shown,
    Step,
    TypeName,
    plain_price,
    show_step,
)
from trunkline.db import calls, mappings, restaurants, runs
from trunkline.db import models as rows
from trunkline.db.models import utcnow
from trunkline.db.number_lists import NumberFilter, NumberSort
from trunkline.domain import choosing
from trunkline.domain.choosing import Criteria
from trunkline.domain.notes import NumberNotes, checked_labels
from trunkline.domain.numbers import NumberState, international_form, national_form
from trunkline.errors import TrunklineError
from trunkline.workflows.identify import Identity


class NumberSearch(BaseModel):
    """Which number. What is left out does not matter."""

    country: Short | None = Field(
        default=None,
        description="two-letter ISO code; DEFAULT_COUNTRY if left out",
        json_schema_extra={"pattern": "^[A-Za-z]{2}$"},
    )
    area_code: Short | None = Field(
        default=None, description="three digits, in the US and Canada", json_schema_extra={"pattern": "^[2-9][0-9]{2}$"}
    )
    contains: Short | None = Field(
        default=None, description="digits that the number has in a row", json_schema_extra={"pattern": "^[0-9]{2,10}$"}
    )
    number_type: TypeName | None = Field(default=None, description="kind of number; the country must have it")
    carrier: CarrierName | None = Field(
        default=None, description="only this carrier; else all of CARRIERS, in their order"
    )

    def criteria(self) -> Criteria:
        """InvalidInput names the field that cannot be."""
        return Criteria.checked(self.country, self.area_code, self.contains, self.number_type, self.carrier)


class ReleaseBody(Body):
    give_back: bool = Field(
        default=False,
        description="end the number at the carrier, and its price; else it stays in the carrier's account",
    )
    force: bool = Field(default=False, description="release it although it serves a restaurant, or is protected")


class NumberPatch(Body):
    """What is left out stays as it is."""

    protected: bool | None = Field(default=None, description="released by `force` alone")
    labels: list[Short] | None = Field(default=None, description="all of them: up to 20, of 40 characters")
    release_after: Moment | None = Field(
        default=None, strict=False, description="given back once it is idle after this; null for never"
    )

    def notes(self) -> NumberNotes:
        given = self.model_fields_set
        return NumberNotes(
            protected=self.protected,
            labels=None if self.labels is None else checked_labels(self.labels),
            release_after=self.release_after,
            never_release="release_after" in given and self.release_after is None,
        )


class NumberNarrowing(BaseModel):
    """Which numbers of a list."""

    state: list[NumberState] = Field(default=[], description="only in this state; may be given several times")
    carrier: CarrierName | None = Field(default=None, description="only of this carrier")
    country: Short | None = Field(default=None, description="only of this country, a two-letter ISO code")
    number_type: TypeName | None = Field(default=None, description="only of this type")
    restaurant_id: Short | None = Field(default=None, description="only those that serve this restaurant")
    protected: bool | None = Field(default=None, description="only protected ones, or the others")
    idle_before: Moment | None = Field(default=None, description="only those that are idle since before then")
    min_price: Decimal | None = Field(default=None, ge=0, description="only those that cost as much a month, or more")
    currency: Short | None = Field(default=None, description="only those that are priced in it")

    def wanted(self) -> NumberFilter:
        return NumberFilter(
            states=[state.value for state in self.state],
            carrier=self.carrier,
            country=self.country.upper() if self.country else None,
            number_type=self.number_type,
            restaurant_id=self.restaurant_id,
            protected=self.protected,
            idle_before=self.idle_before,
            min_price=self.min_price,
            currency=self.currency.upper() if self.currency else None,
        )


class NumberQuery(Listing, NumberNarrowing):
    sort: NumberSort = Field(
        default=NumberSort.NUMBER,
        description="by number; or the longest idle first, or the dearest: only those that are idle, or have a price",
    )


class CountQuery(NumberNarrowing):
    model_config = ConfigDict(extra="forbid")


class NumberCounts(Answer):
    total: int
    by_state: dict[NumberState, int] = Field(description="a state that no number is in is left out")


class OfferQuery(NumberSearch):
    model_config = ConfigDict(extra="forbid")
    limit: int = Field(default=10, ge=1, le=50, description="how many of each carrier at most")


class Number(Answer):
    """A number that we hold or know, whatever its state."""

    number: str = Field(description="E.164")
    national: str
    international: str
    state: NumberState
    carrier: str | None
    country: str | None
    number_type: str | None
    monthly_price: Price
    upfront_price: Price = Field(description="paid at once when it was bought; null for nothing")
    currency: str | None
    account: str | None = Field(description="the carrier's account that holds it")
    carrier_ref: str | None = Field(description="the carrier's id of it")
    voice_id: str | None = Field(description="Vapi's id of it")
    protected: bool = Field(description="released by `force` alone")
    labels: list[str]
    release_after: datetime | None = Field(description="given back once it is idle after this")
    idle_since: datetime | None = Field(description="since when it serves nobody; null while it does, or is not ours")
    last_call_at: datetime | None = Field(description="when it was last called")
    restaurants: list[ServedRestaurant] = Field(description="whom it serves now")
    cooling_until: datetime | None = Field(description="until then no other restaurant gets it")
    former_restaurant_id: str | None
    put_aside_until: datetime | None = Field(description="until then nobody gets it: something refused it")
    put_aside_reason: str | None = Field(description="why it was put aside, or is gone")
    claimed_by: str | None = Field(description="the assignment that is about to use it")
    bought_at: datetime | None
    released_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Mapping(Answer):
    restaurant_id: str
    restaurant_name: str
    source: str
    active: bool
    since: datetime
    ended_at: datetime | None
    end_reason: str | None


class Release(Answer):
    """One durable release of a number: running, owed (tried again by itself) or done."""

    id: str
    number: str
    give_back: bool
    status: str
    message: str | None
    steps: list[Step]
    created_at: datetime
    ended_at: datetime | None


class NumberDetail(Number):
    mappings: list[Mapping] = Field(description="all it ever had, oldest first")
    releases: list[Release]


class Offer(Answer):
    """`number` is null where the carrier chooses it."""

    carrier: str
    number: str | None
    national: Shown
    country: str
    number_type: str
    monthly_price: Price
    upfront_price: Price = Field(description="due at once, on top of the first month; null for nothing")
    currency: str | None
    needs: list[str] = Field(description="papers that the carrier wants: address, bundle")


class Refusal(Answer):
    carrier: str
    code: str
    detail: str
    hint: str | None


class Offers(Answer):
    items: list[Offer]
    refusals: list[Refusal] = Field(description="carriers that offer nothing, and why")


class NumberPage(Page[Number]):
    pass


def show_refusal(carrier: str, error: TrunklineError) -> Refusal:
    return Refusal(carrier=carrier, code=error.code, detail=error.detail, hint=error.hint)


async def show_numbers(session: AsyncSession, found: Sequence[rows.Number]) -> list[Number]:
    named = [row.number for row in found]
    sharers, last_calls = await mappings.sharers(session, named), await calls.last_of_numbers(session, named)
    return [_show(row, sharers.get(row.number, []), last_calls.get(row.number)) for row in found]


def _show(row: rows.Number, served: list[tuple[str, str, bool]], last_call: datetime | None) -> Number:
    return Number(
        number=row.number,
        national=national_form(row.number),
        international=international_form(row.number),
        state=NumberState(row.state),
        carrier=row.carrier,
        country=row.country,
        number_type=row.number_type,
        monthly_price=plain_price(row.monthly_price),
        upfront_price=plain_price(row.upfront_price),
        currency=row.currency,
        account=row.account,
        carrier_ref=row.carrier_ref,
        voice_id=row.voice_id,
        protected=row.protected,
        labels=row.labels or [],
        release_after=row.release_after,
        idle_since=row.idle_since,
        last_call_at=last_call,
        restaurants=[ServedRestaurant(id=i, name=name, active=active) for i, name, active in served],
        cooling_until=row.cooling_until,
        former_restaurant_id=row.former_restaurant_id,
        put_aside_until=row.put_aside_until if row.put_aside_until and row.put_aside_until > utcnow() else None,
        put_aside_reason=row.put_aside_reason,
        claimed_by=row.claimed_by,
        bought_at=row.bought_at,
        released_at=row.released_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def show_detail(session: AsyncSession, row: rows.Number, released: Sequence[rows.Release]) -> NumberDetail:
    summary = (await show_numbers(session, [row]))[0]
    history = await mappings.history(session, row.number)
    names = await restaurants.names(session, [mapping.restaurant_id for mapping in history])
    return NumberDetail(
        **vars(summary),
        mappings=[
            Mapping(
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
        releases=await show_releases(session, released),
    )


async def show_releases(session: AsyncSession, found: Sequence[rows.Release]) -> list[Release]:
    steps = await runs.steps(session, [row.id for row in found])
    return [
        Release(
            id=row.id,
            number=row.number,
            give_back=row.give_back,
            status=row.status,
            message=row.message,
            steps=[show_step(s, Identity()) for s in steps[row.id]],
            created_at=row.created_at,
            ended_at=row.ended_at,
        )
        for row in found
    ]


def show_offer(carrier: str, offer: choosing.Offer) -> Offer:
    return Offer(
        carrier=carrier,
        number=offer.number,
        national=national_form(offer.number) if offer.number else None,
        country=offer.country,
        number_type=offer.number_type.value,
        monthly_price=plain_price(offer.monthly_price),
        upfront_price=plain_price(offer.upfront_price),
        currency=offer.currency,
        needs=list(offer.needs),
    )
