"""Whose number it is, as it is answered."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from trunkline.api.shapes import Answer, ServedRestaurant, Sharer
from trunkline.domain.numbers import NumberState


class PhoneMapping(Answer):
    number: str = Field(description="E.164")
    state: NumberState
    shared: bool = Field(description="whether several restaurants are mapped to it")
    restaurant: Sharer | None = Field(description="who gets its calls; null where nobody does")
    restaurants: list[ServedRestaurant] = Field(description="everyone mapped to it")
    former_restaurant_id: str | None = Field(description="whose it was, while it cools down or is released")
    cooling_until: datetime | None
