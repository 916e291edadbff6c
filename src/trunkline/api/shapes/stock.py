"""Which number is bought or taken over."""

from __future__ import annotations

from pydantic import Field

from trunkline.api.shapes import Body, CarrierName, Short


class Purchase(Body):
    """One exact number."""

    number: Short = Field(min_length=1, description="in E.164")
    carrier: CarrierName | None = Field(default=None, description="only this carrier; else the first that sells it")
    dry_run: bool = Field(default=False, description="say who sells it at which price, and do nothing")


class Import(Body):
    carrier: CarrierName | None = Field(default=None, description="whose account holds it; else each is asked")
