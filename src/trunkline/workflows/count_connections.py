"""Whether PostgreSQL has as many connections as the processes of the installation may take."""

from __future__ import annotations

import structlog

from trunkline.db import connections
from trunkline.db.connections import MEND, MOST
from trunkline.errors import SettingsError
from trunkline.workflows.findings import Finding, Level, ok, problem, warning
from trunkline.workflows.services import Services

log = structlog.get_logger()


async def refuse_too_few(services: Services) -> None:
    """At the start, which adds a process: SettingsError where there are not enough for one, one line in the log where
    they do not suffice for all."""
    found = await count_connections(services, more=1)
    if found.level is Level.PROBLEM:
        raise SettingsError(found.text, hint=found.mend)
    if found.level is Level.WARNING:
        log.warning(found.text, mend=found.mend)


async def count_connections(services: Services, more: int = 0) -> Finding:
    """Of the processes that live, and so many more."""
    subject = "connections"
    async with services.database.read() as session:
        room = await connections.look(session, services.settings.takeover_seconds)
    if services.database.behind_pooler:
        return ok(subject, "a pooler has them; changes that other processes make are read each second")
    processes = max(room.processes + more, 1)
    counted = f"{processes} processes take" if processes > 1 else "a process takes"
    text = f"{counted} up to {processes * MOST} connections, and PostgreSQL lets this user have {room.allowed}"
    if room.allowed < MOST:
        return problem(subject, text, MEND)
    if room.allowed < processes * MOST:
        return warning(subject, f"{text}: they wait for each other", MEND)
    return ok(subject, text)
