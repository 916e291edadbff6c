"""What a server says to programs, said to people: a request of the API becomes the command that sends it."""

from __future__ import annotations

import re
from functools import cache

ONE = r"([^\s/,;:)]+)"
COMMANDS = (
    ("GET /api/numbers/search", "numbers search"),
    ("POST /api/numbers/repoint", "repoint"),
    (f"GET /api/numbers/{ONE}", r"numbers show \1"),
    (f"PATCH /api/numbers/{ONE}", r"numbers change \1"),
    (f"POST /api/numbers/{ONE}/(import|move|swap|unassign|release|hold)", r"numbers \2 \1"),
    ("GET /api/numbers", "numbers list"),
    ("POST /api/numbers", "numbers buy"),
    (f"POST /api/restaurants/{ONE}/phone", r"assign \1"),
    (f"POST /api/restaurants/{ONE}/activate-phone", r"restaurants activate-phone \1"),
    (f"GET /api/restaurants/{ONE}", r"restaurants show \1"),
    ("GET /api/restaurants", "restaurants list"),
    (f"GET /api/assignments/{ONE}", r"assignments show \1"),
    (f"GET /api/batches/{ONE}", r"batch watch \1"),
    (f"POST /api/batches/{ONE}/resume", r"batch resume \1"),
    ("GET /api/batches", "batch list"),
    (f"GET /api/reconcile/plans/{ONE}", r"reconcile show \1"),
    (f"POST /api/reconcile/plans/{ONE}/apply", r"reconcile apply \1"),
    (f"GET /api/endpoints/{ONE}/deliveries", r"endpoints deliveries \1"),
    ("GET /api/endpoints", "endpoints list"),
    (f"GET /api/reconcile/applies/{ONE}", r"reconcile watch \1"),
    ("GET /api/calls", "calls list"),
    ("GET /api/debts", "debts"),
    ("GET /api/budgets", "budgets list"),
    ("GET /api/keys", "keys list"),
    ("GET /api/reconcile/plans", "reconcile list"),
    ("POST /api/keys", "keys create"),
)


@cache
def _requests() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(rf"{request}(?![\w/])"), f"trunkline {command}") for request, command in COMMANDS]


def in_commands(text: str) -> str:
    """The text with every request that a command sends named by that command."""
    if " /api/" in text:
        for request, command in _requests():
            text = request.sub(command, text)
    return text
