"""Offers that are held for a while."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from trunkline.api.shapes import Answer, Body, CarrierName
from trunkline.api.shapes.numbers import Offer, show_offer
from trunkline.db import models as rows
from trunkline.workflows.purchase_outcome import read_offer


class HoldBody(Body):
    carrier: CarrierName | None = Field(default=None, description="only this carrier; else the first that sells it")


class Hold(Answer):
    """A number that is for sale, kept for who names it."""

    offer: Offer
    held_until: datetime = Field(description="until then it is bought for nobody who does not name it")
    carrier_until: datetime = Field(description="how long its carrier keeps it from its other customers")


def show_hold(row: rows.Hold) -> Hold:
    assert row.expires_at is not None
    assert row.carrier_until is not None
    return Hold(
        offer=show_offer(row.carrier, read_offer(row.offer)),
        held_until=row.expires_at,
        carrier_until=row.carrier_until,
    )
