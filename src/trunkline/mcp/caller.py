"""On whose behalf a tool is called: the client that shows his key, and what that key may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from mcp.server.mcpserver.exceptions import ToolError

from trunkline.client import AsyncTrunkline, TrunklineClientError, models


@dataclass(frozen=True)
class Caller:
    """`ask` is a client of our API that shows the caller's key or secret; `who` is what the server knows him as."""

    ask: AsyncTrunkline
    who: models.Identity

    def may(self, scopes: frozenset[str], own: bool) -> bool:
        """Whether a tool that needs these scopes is his; `own` where a restaurant's key may use it, too."""
        return scopes <= set(self.who.scopes) and (own or self.who.restaurant_id is None)


_CALLER: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """Whose call this is."""
    return _CALLER.get()


@contextmanager
def called_by(one: Caller) -> Iterator[None]:
    token = _CALLER.set(one)
    try:
        yield
    finally:
        _CALLER.reset(token)


@contextmanager
def refusals() -> Iterator[None]:
    """What the API refuses is told the assistant with its code, and with what to do next."""
    try:
        yield
    except TrunklineClientError as error:
        raise refused(getattr(error, "code", "unreachable"), error.detail, error.hint) from None


def refused(code: str, detail: str, hint: str | None = None) -> ToolError:
    """How every refusal of a tool reads: the code, which never changes its meaning, a sentence, and what to do next."""
    return ToolError(f"{code}: {detail}" + (f" ({hint})" if hint else ""))
