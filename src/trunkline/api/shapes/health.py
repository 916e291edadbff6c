"""Whether it lives and can work, as it is answered."""

from __future__ import annotations

from typing import Literal

from trunkline.api.shapes import Answer


class Health(Answer):
    status: Literal["ok"]
    version: str


class Ready(Answer):
    status: Literal["ready"]
