"""Quotes: what an assistant that cannot ask a person shows instead of a yes. Sealed, and kept nowhere."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trunkline.mcp.caller import refused

QUOTE_SECONDS = 600.0
AGAIN = "ask for a quote again"


@dataclass(frozen=True)
class Quotes:
    """What is sealed cannot be changed, holds for ten minutes, and for the caller alone to whom it was given."""

    key: bytes
    now: Callable[[], float] = time.time

    def seal(self, owner: str | None, terms: dict[str, Any]) -> tuple[str, float]:
        """Its id, and when it ends, as a Unix time."""
        ends = self.now() + QUOTE_SECONDS
        content = json.dumps([owner, ends, terms]).encode()
        parts = (content, self._proof(content))
        return "quote_" + ".".join(base64.urlsafe_b64encode(part).decode() for part in parts), ends

    def open(self, quote_id: str, owner: str | None) -> dict[str, Any]:
        """Its terms. ToolError unless it is one of ours, this caller's, and not over."""
        try:
            content, proof = (base64.urlsafe_b64decode(part) for part in quote_id.removeprefix("quote_").split("."))
        except ValueError:
            raise refused("invalid_input", "this is not a quote's id", AGAIN) from None
        if not hmac.compare_digest(proof, self._proof(content)):
            raise refused("invalid_input", "this is not a quote's id", AGAIN)
        given_to, ends, terms = json.loads(content)
        if given_to != owner:
            raise refused("quote_differs", "this quote was given to another key", AGAIN)
        if self.now() > ends:
            raise refused("quote_over", "this quote has ended: it holds for ten minutes", AGAIN)
        return dict(terms)

    def _proof(self, content: bytes) -> bytes:
        return hmac.digest(self.key, content, "sha256")
