"""Numbers of the accounts that are taken over, and what becomes of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from trunkline.api.shapes import Answer, Body, CarrierName, Price, Short, plain_price
from trunkline.api.shapes.bulk import BulkCreated, show_created
from trunkline.domain.adopting import Adopted, AdoptionFate
from trunkline.domain.bulk import MOST_ROWS
from trunkline.workflows.adopt_numbers import Taken


class AdoptRow(Body):
    """A number, and whose it is: without a name it is nobody's, and idle."""

    model_config = ConfigDict(extra="forbid", strict=True)
    phone_number: str = Field(description="a number that an account of yours has")
    name: str | None = Field(default=None, description="of its restaurant")
    external_id: str | None = Field(default=None, description="its restaurant's id in your system")
    metadata: dict[str, str] | None = Field(default=None, description="kept with its restaurant")


class AdoptBody(Body):
    rows: list[AdoptRow] | None = Field(default=None, min_length=1, max_length=MOST_ROWS)
    all_unused: bool = Field(default=False, description="instead of rows: every number that nobody uses")
    carrier: CarrierName | None = Field(default=None, description="only what this carrier's account has")
    from_installation: Short | None = Field(
        default=None, description="the name of another installation, which is gone: its numbers may be taken"
    )
    dry_run: bool = Field(default=False, description="judge the rows, and do nothing")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.rows is None) is not self.all_unused:
            raise ValueError("either rows or all_unused says which numbers")
        return self


class AdoptItem(Answer):
    """What becomes of a number."""

    row: int = Field(description="from 1")
    number: str | None
    carrier: str | None
    fate: AdoptionFate
    monthly_price: Price
    currency: str | None
    name: str | None
    external_id: str | None
    restaurant_id: str | None = Field(description="of the restaurant that is there")
    field: str | None = Field(description="what is wrong, where the row is refused")
    detail: str | None
    hint: str | None


class Adoption(Answer):
    """What is, or would be, taken over. `batch_id` is the batch that puts the restaurants' numbers in service; it buys
    nothing. Marks and records in Vapi of idle numbers are owed (`adopt_owed`) until they are made."""

    dry_run: bool
    counts: dict[str, int] = Field(description="how many rows have each fate")
    items: list[AdoptItem] = Field(description="empty in a repeated answer")
    created: list[BulkCreated] = Field(description="restaurants that are new, with their keys")
    batch_id: str | None


def show_adoption(rows: Sequence[Adopted]) -> Adoption:
    return Adoption(
        dry_run=True,
        counts=dict(Counter(one.fate.value for one in rows)),
        items=[
            AdoptItem(
                row=one.place,
                number=one.number,
                carrier=one.carrier,
                fate=one.fate,
                monthly_price=plain_price(one.monthly_price),
                currency=one.currency,
                name=one.name,
                external_id=one.external_id,
                restaurant_id=one.restaurant_id,
                field=one.field,
                detail=one.detail,
                hint=one.hint,
            )
            for one in rows
        ],
        created=[],
        batch_id=None,
    )


def show_taken(taken: Taken, *, keys: bool) -> Adoption:
    """With the `keys` of the restaurants that were created, or without."""
    created = [show_created(made, keys=keys) for made in taken.imported.created] if taken.imported else []
    batch_id = taken.imported.batch_id if taken.imported else None
    more = {"dry_run": False, "created": created, "batch_id": batch_id}
    return show_adoption(taken.rows).model_copy(update=more)
