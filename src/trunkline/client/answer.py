"""What every object is that the API answers."""

from __future__ import annotations

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A field that this version does not know is left out."""
