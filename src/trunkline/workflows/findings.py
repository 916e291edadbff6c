"""What a look at the installation finds, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.errors import TrunklineError


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What was found on one subject, and what to do about it where it is not ok."""

    subject: str
    level: Level
    text: str
    mend: str | None = None


def ok(subject: str, text: str) -> Finding:
    return Finding(subject, Level.OK, text)


def warning(subject: str, text: str, mend: str) -> Finding:
    return Finding(subject, Level.WARNING, text, mend)


def problem(subject: str, text: str, mend: str | None) -> Finding:
    return Finding(subject, Level.PROBLEM, text, mend or "see the text")


def refused(subject: str, error: TrunklineError) -> Finding:
    return problem(subject, error.detail, error.hint or "try again in a moment")
