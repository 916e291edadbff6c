"""What the API takes and answers, field by field."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from trunkline.api.paging import Listing
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import NumberState
from trunkline.domain.outcomes import Reason, Source, Status
from trunkline.domain.states import DebtKind
from trunkline.domain.wishes import Wish
from trunkline.errors import InvalidInput
from trunkline.texts import one_line, shows_something, undirected
from trunkline.workflows.manage_restaurant import MAX_NAME

CarrierName = Literal["twilio", "telnyx", "vonage", "vapi", "byo"]
TypeName = Literal["local", "mobile", "toll_free", "national"]


def _seen(text: str) -> str:
    if text != one_line(text):
        raise PydanticCustomError("unseen", "has characters that cannot be seen")
    return text


def _shown(text: str) -> str:
    if text and not shows_something(text):
        raise PydanticCustomError("shows_nothing", "shows nothing")
    return undirected(text).strip()


Text = Annotated[str, AfterValidator(_seen)]
Name = Annotated[str, AfterValidator(_shown), AfterValidator(_seen)]
Short = Annotated[Text, Field(max_length=40)]
Price = Annotated[Decimal | None, Field(description="a month; null where the carrier does not say", examples=["1.15"])]
Shown = Annotated[str | None, Field(examples=["(415) 555-0123"])]


# --- what comes in ---------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """A request's body: an unknown field or a value of another type is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)


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


class WishBody(Body, NumberSearch):
    """How a restaurant wants its number."""

    force_twilio: bool = Field(default=False, description="skip existing numbers and use Twilio")

    def wish(self) -> Wish:
        if self.force_twilio and self.carrier not in (None, "twilio"):
            raise InvalidInput(
                f"force_twilio asks for twilio and carrier for {self.carrier}", field="carrier", hint="leave one out"
            )
        return Wish.asked(self.criteria(), self.force_twilio)


class NewRestaurant(WishBody):
    name: Name = Field(min_length=1, max_length=MAX_NAME, description="shown to people")
    assign_phone: bool = Field(default=True, description="get it a number now")


class ReleaseBody(Body):
    give_back: bool = Field(
        default=False,
        description="end the number at the carrier, and its price; else it stays in the carrier's account",
    )
    force: bool = Field(default=False, description="release it although it serves a restaurant")


class RestaurantQuery(Listing):
    has_number: bool | None = Field(default=None, description="only those with a number, or without")
    search: Text | None = Field(default=None, max_length=MAX_NAME, description="part of the name, in any case")


class AssignmentQuery(Listing):
    restaurant_id: Short | None = Field(default=None, description="only of this restaurant")
    status: Status | None = Field(default=None, description="only in this status")


class NumberQuery(Listing):
    state: NumberState | None = Field(default=None, description="only in this state")
    carrier: CarrierName | None = Field(default=None, description="only of this carrier")


class OfferQuery(NumberSearch):
    model_config = ConfigDict(extra="forbid")
    limit: int = Field(default=10, ge=1, le=50, description="how many of each carrier at most")


# --- what goes out ---------------------------------------------------------------------------------------------------


class Answer(BaseModel):
    """Every field is always there; one without a value is null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Step(Answer):
    """One node of the flow. `attempt` counts its tries; `duration_ms` is null while it runs."""

    name: str
    carrier: str | None
    status: str = Field(description="running, done, failed or interrupted")
    attempt: int
    started_at: datetime
    duration_ms: int | None
    detail: str | None = Field(description="one line for a person; null for a restaurant's key")


class AssignmentSummary(Answer):
    """One durable run of the flow for one restaurant."""

    id: str
    restaurant_id: str
    status: Status
    source: Source | None = Field(description="how the number came")
    phone_number: str | None
    reason: Reason | None = Field(description="why there is no number")
    message: str | None = Field(description="the outcome, for a person")
    hint: str | None = Field(description="what to do next")
    force_twilio: bool
    criteria: dict[str, Any] = Field(description="what was asked of the number")
    batch_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Assignment(AssignmentSummary):
    steps: list[Step]


class Sharer(Answer):
    id: str
    name: str


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


class User(Sharer):
    active: bool = Field(description="whether it gets the number's calls")


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
    currency: str | None
    restaurants: list[User] = Field(description="whom it serves now")
    cooling_until: datetime | None = Field(description="until then no other restaurant gets it")
    former_restaurant_id: str | None
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
    carrier_ref: str | None = Field(description="the carrier's id of it")
    voice_id: str | None = Field(description="Vapi's id of it")
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


class Debt(Answer):
    """Something owed to the outside world; tried again by itself until it is settled."""

    id: str
    kind: DebtKind
    owed: str = Field(description="what, in words")
    subject: str = Field(description="the number, or the id of the purchase intent")
    restaurant_id: str | None
    run_id: str | None = Field(description="the assignment or release that owes it")
    since: datetime
    tries: int
    reason: str | None = Field(description="why the last try failed")
    next_try_at: datetime


class RestaurantPage(Answer):
    items: list[RestaurantSummary]
    next_cursor: str | None


class AssignmentPage(Answer):
    items: list[AssignmentSummary]
    next_cursor: str | None


class NumberPage(Answer):
    items: list[Number]
    next_cursor: str | None


class DebtPage(Answer):
    items: list[Debt]
    next_cursor: str | None


class Health(Answer):
    status: Literal["ok"]
    version: str


class Ready(Answer):
    status: Literal["ready"]
