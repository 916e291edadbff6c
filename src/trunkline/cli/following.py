"""Waiting for what goes on in the server: an assignment until it has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trunkline.cli.asking import DONE, FAILED
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Assignment

LOOK_SECONDS = 0.5


def end_of(client: Trunkline, assignment_id: str, told: bool = False) -> Assignment:
    """The assignment once it has ended. `told`: each step is a line as soon as it has ended."""
    shown: set[tuple[int, str]] = set()
    while True:
        run = client.assignment(assignment_id)
        if told:
            for place, step in enumerate(run.steps):
                if step.status != "running" and (place, step.status) not in shown:
                    shown.add((place, step.status))
                    say(f"{step.status:<12}{step.name:<20}{step.detail or ''}")
        if run.status != "running":
            return run
        time.sleep(LOOK_SECONDS)


def exit_code(assignment: Assignment) -> int:
    return DONE if assignment.status == "assigned" else FAILED
