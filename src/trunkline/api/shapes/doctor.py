"""What a look at the installation finds."""

from __future__ import annotations

from pydantic import Field

from trunkline.api.shapes import Answer
from trunkline.workflows import findings
from trunkline.workflows.findings import Level


class Finding(Answer):
    """What was found on one subject."""

    subject: str
    level: Level
    text: str
    mend: str | None = Field(description="what to do about it, where it is not ok")


class Findings(Answer):
    items: list[Finding]


def show_finding(finding: findings.Finding) -> Finding:
    return Finding(subject=finding.subject, level=finding.level, text=finding.text, mend=finding.mend)
