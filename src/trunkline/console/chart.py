"""The guide's chart: its nodes in their places, and the path that an assignment has taken through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trunkline.db.runs import StepRow
from trunkline.domain.outcomes import Status
from trunkline.domain.states import StepStatus

WIDTH, HEIGHT, DOWN, ACROSS = 122, 34, 54, 134
# (column, row) of each step and of the two ends; who knows the guide finds its chart.
IN_SERVICE, NO_NUMBER = "in service", "no number"
PLACES = {
    "find_existing": (1, 0),
    "assign_existing": (0, 1),
    "check_carrier": (1, 1),
    NO_NUMBER: (2, 1),
    "get_credential": (1, 2),
    "list_owned": (1, 3),
    "use_owned": (0, 4),
    "search": (1, 4),
    "purchase": (1, 5),
    "reuse_trial_number": (2, 5),
    "import_number": (1, 6),
    "assign_assistant": (1, 7),
    "create_mapping": (1, 8),
    IN_SERVICE: (1, 9),
}
WAYS = (
    ("find_existing", "assign_existing"),
    ("find_existing", "check_carrier"),
    ("assign_existing", IN_SERVICE),
    ("check_carrier", NO_NUMBER),
    ("check_carrier", "get_credential"),
    ("get_credential", "list_owned"),
    ("list_owned", "use_owned"),
    ("list_owned", "search"),
    ("use_owned", "import_number"),
    ("search", "purchase"),
    ("purchase", "reuse_trial_number"),
    ("purchase", "import_number"),
    ("reuse_trial_number", IN_SERVICE),
    ("import_number", "assign_assistant"),
    ("assign_assistant", "create_mapping"),
    ("create_mapping", IN_SERVICE),
)


@dataclass(frozen=True)
class Node:
    """A step, or an end, in its place; `status` is None where the path does not lead through it."""

    name: str
    x: int
    y: int
    status: str | None


@dataclass(frozen=True)
class Way:
    path: str
    taken: bool


@dataclass(frozen=True)
class Chart:
    nodes: list[Node]
    ways: list[Way]
    width: int = 2 * ACROSS + WIDTH + 4
    height: int = 9 * DOWN + HEIGHT + 4
    box: tuple[int, int] = (WIDTH, HEIGHT)


def draw(steps: Sequence[StepRow], status: str | None) -> Chart:
    """Lit where the steps of an assignment in this status went; a step that was taken several times shows as it ended
    last."""
    taken = {step.name: step.status for step in steps}
    if status == Status.ASSIGNED:
        taken[IN_SERVICE] = StepStatus.DONE
    elif status in (Status.UNASSIGNED, Status.FAILED):
        taken[NO_NUMBER] = StepStatus.FAILED
    nodes = [Node(name, *_corner(name), taken.get(name)) for name in PLACES]
    return Chart(nodes, [Way(_line(a, b), a in taken and b in taken and _next(steps, a, b)) for a, b in WAYS])


def _next(steps: Sequence[StepRow], a: str, b: str) -> bool:
    """Whether the path went from the one to the other: only its last step leads to an end."""
    return b not in (IN_SERVICE, NO_NUMBER) or steps[-1].name == a


def _corner(name: str) -> tuple[int, int]:
    column, row = PLACES[name]
    return 2 + column * ACROSS, 2 + row * DOWN


def _line(a: str, b: str) -> str:
    """From the one's lower edge to the other's upper edge, or across where they stand side by side."""
    (ax, ay), (bx, by) = _corner(a), _corner(b)
    if ay == by:
        return f"M{ax + WIDTH} {ay + HEIGHT // 2}H{bx}"
    start, end, middle = ax + WIDTH // 2, bx + WIDTH // 2, by - (DOWN - HEIGHT) // 2
    return f"M{start} {ay + HEIGHT}V{middle}H{end}V{by}"
