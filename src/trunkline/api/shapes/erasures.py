"""What is to be erased, and what was."""

from __future__ import annotations

from pydantic import Field

from trunkline.api.shapes import Answer, Body, Short


class CallerErasure(Body):
    caller: Short = Field(min_length=1, description="in E.164")


class ErasedCaller(Answer):
    calls: int = Field(description="how many calls do not name the caller any more")
    registrations: int = Field(description="how many restaurants had registered the caller")


class ErasedRestaurant(Answer):
    id: str
    calls: int = Field(description="how many calls do not name their caller any more")
