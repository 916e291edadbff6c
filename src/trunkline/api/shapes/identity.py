"""Who asks, as the server knows him."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from trunkline.api.shapes import Answer
from trunkline.domain.scopes import in_order
from trunkline.workflows.identify import Identity as Known


class Identity(Answer):
    """Whose key or secret the request showed."""

    key_id: str | None = Field(description="null of X-Vapi-Secret, and of a restaurant's former key")
    name: str | None = Field(description="the key's comment, or how it begins")
    restaurant_id: str | None = Field(description="the only restaurant that it sees; null for all")
    scopes: list[str] = Field(description="what it may do")
    expires_at: datetime | None
    has_budget: bool = Field(description="what the key buys is limited by a budget of its own")


def show_identity(known: Known, has_budget: bool) -> Identity:
    return Identity(
        key_id=known.key_id,
        name=known.name,
        restaurant_id=known.restaurant_id,
        scopes=[scope.value for scope in in_order(known.scopes)],
        expires_at=known.expires_at,
        has_budget=has_budget,
    )
