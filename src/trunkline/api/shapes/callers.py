"""Callers, as they are sent and answered."""

from __future__ import annotations

from pydantic import Field

from trunkline.api.shapes import Answer, Body, Short

MOST = 500


class Callers(Body):
    callers: list[Short] = Field(max_length=MOST, description="E.164; these and no others")


class RegisteredCallers(Answer):
    callers: list[str] = Field(description="E.164, in order")
