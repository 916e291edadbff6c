"""`trunkline setup-vapi`: the shared assistant, made or changed so that its calls reach our server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from trunkline.cli import show
from trunkline.cli.asking import agreed
from trunkline.cli.options import Json, Yes
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.settings import Settings
    from trunkline.voice.base import Assistant
    from trunkline.workflows.set_up_assistant import Setup


def setup_vapi(yes: Yes = False, json: Json = False) -> None:
    """Make the shared assistant in Vapi, or change it, so that its calls reach this server.

    Shows the difference first, and asks. The assistant is VAPI_ASSISTANT_ID's, else the one named VAPI_ASSISTANT_NAME;
    its server becomes PUBLIC_BACKEND_URL, with a credential that sends VAPI_SECRET_KEY. Its model and voice stay. The
    server need not run; settings come from the environment and from .env.

    \b
    Examples:
      trunkline setup-vapi
      trunkline setup-vapi --yes --json
    """
    import asyncio

    from trunkline.logs import configure_logs
    from trunkline.settings import load_settings

    settings = load_settings()
    configure_logs("error", "console")
    setup = asyncio.run(planned(settings))
    assistant, applied = setup.wish.id, False
    if not json:
        describe(setup)
    if setup.changes and agreed(f"{'Make' if setup.creates else 'Change'} the assistant?", yes):
        assistant, applied = asyncio.run(done(settings, setup)).id, True
        if not json:
            say(f"{'made' if setup.creates else 'changed'} the assistant {assistant}")
    if json:
        show.as_json({"assistant": assistant, "created": setup.creates, "changes": setup.changes, "applied": applied})
    raise typer.Exit(0 if applied or not setup.changes else 1)


async def planned(settings: Settings) -> Setup:
    from trunkline.bootstrap import idle_services
    from trunkline.workflows.set_up_assistant import plan_setup

    async with idle_services(settings) as services:
        return await plan_setup(services)


async def done(settings: Settings, setup: Setup) -> Assistant:
    from trunkline.bootstrap import idle_services
    from trunkline.workflows.set_up_assistant import apply_setup

    async with idle_services(settings) as services:
        return await apply_setup(services, setup)


def set_up(settings: Settings) -> None:
    """Without a question: for a sandbox that was started just now."""
    import asyncio

    asyncio.run(done(settings, asyncio.run(planned(settings))))


def describe(setup: Setup) -> None:
    what = "is to be made" if setup.creates else f"({setup.wish.id}) is to be changed" if setup.changes else "is right"
    say(f"the assistant {setup.wish.name!r} {what}")
    if setup.changes:
        show.table(["field", "now", "then"], [(c.field, c.before, c.after) for c in setup.changes], "")
