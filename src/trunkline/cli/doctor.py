"""`trunkline doctor`: one screen that says whether everything is right, and how to mend what is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from trunkline.cli import show
from trunkline.cli.asking import DONE, FAILED
from trunkline.cli.options import Json
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client import models
    from trunkline.settings import Settings
    from trunkline.workflows.findings import Finding

    Told: TypeAlias = Finding | models.Finding


def doctor(
    here: Annotated[bool, typer.Option("--here", help="Look with the settings found here, and ask no server.")] = False,
    json: Json = False,
) -> None:
    """Check keys, accounts, assistant, webhook, address, database, clock and what answers the numbers.

    Asks the live providers and changes nothing. The server at TRUNKLINE_URL looks with its own settings, also where it
    runs on a sandbox; where none answers, the settings of the environment and of .env are looked at. The exit code is
    1 if there is a problem; warnings do not count.

    \b
    Examples:
      trunkline doctor
      trunkline doctor --here --json
    """
    import asyncio

    from trunkline.logs import configure_logs
    from trunkline.settings import load_settings

    settings = load_settings()
    findings: Sequence[Told] | None = None if here else of_server(settings)
    if findings is None:
        configure_logs("error", "console")
        findings = asyncio.run(of_settings(settings))
    if json:
        show.as_json(findings)
    else:
        describe(findings)
    raise typer.Exit(FAILED if any(finding.level == "problem" for finding in findings) else DONE)


def of_server(settings: Settings) -> Sequence[Told] | None:
    """What the server finds; None where none answers, or it does not know our secret."""
    from trunkline.client import ApiError, ServerUnreachable, Trunkline

    secret = settings.trunkline_secret or settings.vapi_secret_key
    try:
        with Trunkline(settings.trunkline_url, secret.get_secret_value() if secret else None) as client:
            return client.diagnose().items
    except ServerUnreachable:
        return None
    except ApiError as error:
        say(f"the server does not tell: {error.detail}; looking with the settings found here", err=True)
        return None


async def of_settings(settings: Settings) -> Sequence[Told]:
    from trunkline.bootstrap import idle_services
    from trunkline.workflows.diagnose import diagnose

    async with idle_services(settings) as services:
        return [finding async for finding in diagnose(services)]


def describe(findings: Sequence[Told]) -> None:
    rows = [(str(f.level), f.subject, f.text, f.mend or "") for f in findings]
    show.table(["", "what", "found", "mend"], rows, "")
    worse = {level: sum(f.level == level for f in findings) for level in ("problem", "warning")}
    told = [show.times(count, level) for level, count in worse.items() if count]
    say(", ".join(told) if told else "all is right")
