"""Pages of lists."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from trunkline.domain.cursors import after_id, after_moment, after_name, after_place, after_subject, cut, moment

__all__ = ["Listing", "after_id", "after_moment", "after_name", "after_place", "after_subject", "cut", "moment"]
LONGEST = 2400  # of a cursor: the longest name is in it


class Listing(BaseModel):
    """A page of a list. An unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")
    cursor: str | None = Field(default=None, max_length=LONGEST, description="`next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=200, description="how many at most")
