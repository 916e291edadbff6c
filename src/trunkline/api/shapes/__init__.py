"""What the API takes and answers, a file per noun: schemas field by field, and how rows become them. Here: what
several nouns share."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from trunkline.db.runs import StepRow
from trunkline.domain.money import plain
from trunkline.texts import one_line, shows_something, undirected
from trunkline.workflows.identify import Identity

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


def _near(at: datetime) -> datetime:
    if not FIRST <= at < LAST:
        raise PydanticCustomError("far", "is before 1970 or after 2900")
    return at


FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)  # what ids and databases can tell
Moment = Annotated[AwareDatetime, AfterValidator(_near)]
Text = Annotated[str, AfterValidator(_seen)]
Name = Annotated[str, AfterValidator(_shown), AfterValidator(_seen)]
Short = Annotated[Text, Field(max_length=40)]
Price = Annotated[Decimal | None, Field(description="a month; null where the carrier does not say", examples=["1.15"])]
Shown = Annotated[str | None, Field(examples=["(415) 555-0123"])]


Item = TypeVar("Item")


class Body(BaseModel):
    """A request's body: an unknown field or a value of another type is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)


class Answer(BaseModel):
    """Every field is always there; one without a value is null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True, defer_build=True)


class Page(Answer, Generic[Item]):
    items: list[Item]
    next_cursor: str | None


class Step(Answer):
    """One node of the flow. `attempt` counts its tries; `duration_ms` is null while it runs."""

    name: str
    carrier: str | None
    status: str = Field(description="running, done, failed or interrupted")
    attempt: int
    started_at: datetime
    duration_ms: int | None
    detail: str | None = Field(description="one line for a person; null for a restaurant's key")


class Sharer(Answer):
    id: str
    name: str


class ServedRestaurant(Sharer):
    active: bool = Field(description="whether it gets the number's calls")


def plain_price(amount: Decimal | None) -> Decimal | None:
    """Without the zeros that the database adds."""
    return None if amount is None else plain(amount)


def show_step(row: StepRow, identity: Identity) -> Step:
    """Details tell of the operator's accounts, so a restaurant's key does not see them."""
    took = (row.ended_at - row.started_at).total_seconds() * 1000 if row.ended_at else None
    return Step(
        name=row.name,
        carrier=row.carrier,
        status=row.status,
        attempt=row.attempt,
        started_at=row.started_at,
        duration_ms=None if took is None else round(took),
        detail=row.detail if identity.is_operator else None,
    )
