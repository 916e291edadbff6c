"""Vapi's messages, as far as they are described."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class VapiMessage(BaseModel):
    """A message of Vapi's; fields that are not described here are ignored."""

    message: dict[str, Any] = Field(description="`type` says what it is about")
