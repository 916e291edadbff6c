"""Waiting for what goes on in the server: until it has ended, or for as long as somebody has time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from trunkline.cli.asking import DONE, FAILED
from trunkline.cli.output import complain, say

if TYPE_CHECKING:
    from trunkline.client import Trunkline
    from trunkline.client.models import Assignment

GOES_ON = 4  # the exit code of a command whose patience was over
LOOK_SECONDS = 0.3
T = TypeVar("T")
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0, help="Wait no longer: it goes on in the server, and the exit code is 4."),
]


class Going(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...


G = TypeVar("G", bound=Going)


@dataclass(frozen=True)
class Patience:
    """Whether the end is waited for (`wait`), and for how many seconds from now on: for ever, where none are said."""

    wait: bool = True
    seconds: float | None = None
    _began: float = field(default_factory=time.monotonic)

    @property
    def endless(self) -> bool:
        return self.wait and self.seconds is None

    @property
    def left(self) -> float:
        if self.endless:
            return float("inf")
        return max(0.0, self._began + (self.seconds or 0) - time.monotonic()) if self.wait else 0.0

    def leaves(self, run: str, command: str) -> int:
        """The exit code where it goes on; who had time, but not enough, is told how to watch further."""
        if not self.wait:
            return DONE
        complain(f"{run} had not ended after {self.seconds:g} s and goes on in the server", f"see: trunkline {command}")
        return GOES_ON


ENDLESS = Patience()


def until_ended(look: Callable[[str], G], run: G, patience: Patience = ENDLESS) -> G:
    """The run once it has ended, or as it stands when the patience is over."""
    while run.status == "running" and patience.left > 0:
        time.sleep(min(LOOK_SECONDS, patience.left))
        run = look(run.id)
    return run


def end_of(client: Trunkline, assignment_id: str, patience: Patience = ENDLESS, told: bool = False) -> Assignment:
    """The same of an assignment. `told`: each step is a line as soon as it has ended."""
    shown: set[tuple[int, str]] = set()

    def look(run_id: str) -> Assignment:
        run = client.assignment(run_id)
        for place, step in enumerate(run.steps if told else ()):
            if step.status != "running" and (place, step.status) not in shown:
                shown.add((place, step.status))
                say(f"{step.status:<12}{step.name:<20}{step.detail or ''}")
        return run

    return until_ended(look, look(assignment_id), patience)


def while_patient(stream: Iterator[T], patience: Patience) -> Iterator[T]:
    """What the stream tells until it ends, or the patience does."""
    if patience.endless:
        yield from stream
        return
    heard: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def listen() -> None:
        try:
            for told in stream:
                heard.put((told, None))
            heard.put((None, None))
        except Exception as error:
            heard.put((None, error))

    Thread(target=listen, daemon=True).start()
    while True:
        try:
            told, error = heard.get(timeout=patience.left)
        except Empty:
            return
        if error is not None:
            raise error
        if told is None:
            return
        yield told


def exit_code(assignment: Assignment, patience: Patience = ENDLESS) -> int:
    if assignment.status == "running":
        return patience.leaves(assignment.id, f"assignments watch {assignment.id}")
    return DONE if assignment.status == "assigned" else FAILED
