"""`trunkline doctor`: one screen that says whether everything is right, and how to mend what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED
from trunkline.cli.options import Json
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.settings import Settings
    from trunkline.workflows.findings import Finding


def doctor(json: Json = False) -> None:
    """Check keys, accounts, assistant, webhook, address, database, clock and what answers the numbers.

    Asks the live providers and changes nothing. The server need not run; settings come from the environment and from
    .env. The exit code is 1 if there is a problem; warnings do not count.

    \b
    Examples:
      trunkline doctor
      trunkline doctor --json
    """
    import asyncio

    from trunkline.logs import configure_logs
    from trunkline.settings import load_settings

    settings = load_settings()
    configure_logs("error", "console")
    findings = asyncio.run(found(settings))
    if json:
        show.as_json(findings)
    else:
        describe(findings)
    raise typer.Exit(FAILED if any(finding.level == "problem" for finding in findings) else DONE)


async def found(settings: Settings) -> list[Finding]:
    from trunkline.bootstrap import idle_services
    from trunkline.workflows.diagnose import diagnose

    async with idle_services(settings) as services:
        return [finding async for finding in diagnose(services)]


def describe(findings: list[Finding]) -> None:
    rows = [(f.level.value, f.subject, f.text, f.mend or "") for f in findings]
    show.table(["", "what", "found", "mend"], rows, "")
    worse = {level: sum(f.level == level for f in findings) for level in ("problem", "warning")}
    told = [show.times(count, level) for level, count in worse.items() if count]
    say(", ".join(told) if told else "all is right")
