"""How pages are written: the templates, and the words for times, money, numbers and states."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from trunkline.domain.money import plain
from trunkline.domain.numbers import international_form

if TYPE_CHECKING:
    from jinja2 import Environment

NOTHING = "\N{EN DASH}"
BAD = {"failed", "unassigned", "owed", "problem", "put_aside", "interrupted", "disabled"}
GOOD = {"in_service", "assigned", "done", "ok", "active", "enabled", "delivered", "in step"}
WATCHED = {"running", "purchasing", "releasing", "queued", "warning", "cooling_down", "paused", "differs", "waiting"}


def tell_time(at: datetime | None) -> Markup | str:
    """In UTC; the page's script shows it in local time, with this on hover."""
    if at is None:
        return NOTHING
    shown = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(shown.isoformat(), f"{shown:%Y-%m-%d %H:%M:%S} UTC")


def tell_money(amount: Decimal | None, currency: str | None = None) -> str:
    return NOTHING if amount is None else f"{plain(amount)} {currency or ''}".strip()


def tell_number(number: str | None) -> str:
    """As people read it, with its country's code."""
    return international_form(number) if number else NOTHING


def tell_words(code: Any) -> str:
    return NOTHING if code is None else str(code).replace("_", " ")


def badge(state: Any) -> Markup:
    """A state in its colour, which is never all that tells it."""
    kind = "bad" if state in BAD else "good" if state in GOOD else "warn" if state in WATCHED else "calm"
    return Markup('<span class="badge {}">{}</span>').format(kind, tell_words(state))


def tell_seconds(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


@cache
def templates() -> Environment:
    """All of them. What writes pages is loaded with the first page, not at the start."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("trunkline.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "time": tell_time,
        "money": tell_money,
        "number": tell_number,
        "words": tell_words,
        "badge": badge,
        "seconds": tell_seconds,
    }
    return made
