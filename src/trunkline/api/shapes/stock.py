"""Which number is bought or taken over."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from trunkline.api.shapes import Answer, Body, CarrierName, Price, Short, plain_price
from trunkline.api.shapes.assignments import Agreed
from trunkline.api.shapes.numbers import Refusal, show_refusal
from trunkline.workflows.unused_numbers import Unused


class Purchase(Body):
    """One exact number."""

    number: Short = Field(min_length=1, description="in E.164")
    carrier: CarrierName | None = Field(default=None, description="only this carrier; else the first that sells it")
    agreed: Agreed | None = Field(default=None, description="what it may cost; where it costs more it is not bought")
    dry_run: bool = Field(default=False, description="say who sells it at which price, and do nothing")


class Import(Body):
    carrier: CarrierName | None = Field(default=None, description="whose account holds it; else each is asked")


class UnusedQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    carrier: CarrierName | None = Field(default=None, description="only this carrier's account")


class UnusedNumber(Answer):
    """A number of an account of yours that nobody uses, and that we do not have."""

    number: str
    carrier: str
    country: str | None
    number_type: str | None
    monthly_price: Price
    currency: str | None


class UnusedNumbers(Answer):
    items: list[UnusedNumber]
    refusals: list[Refusal] = Field(description="carriers whose account could not be read, and why")


def show_unused(found: Unused) -> UnusedNumbers:
    return UnusedNumbers(
        items=[
            UnusedNumber(
                number=one.number,
                carrier=carrier,
                country=one.country,
                number_type=one.number_type.value if one.number_type else None,
                monthly_price=plain_price(one.monthly_price),
                currency=one.currency,
            )
            for carrier, one in found.held
        ],
        refusals=[show_refusal(carrier, error) for carrier, error in found.refusals],
    )
