"""Whether numbers in service are held at their carriers and led to Vapi, by which accounts, and whose marks stand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from trunkline.carriers.base import Carrier
from trunkline.db import accounts as account_rows
from trunkline.db import numbers
from trunkline.domain.numbers import E164, NumberState
from trunkline.errors import TrunklineError
from trunkline.workflows.accounts import VOICE, keys_of, marks_of_others, shown
from trunkline.workflows.compare_worlds import arrives
from trunkline.workflows.findings import Finding, ok, problem, refused, warning
from trunkline.workflows.services import Services

TAKE_OVER = "if that installation is gone: trunkline accounts take-over"


@dataclass(frozen=True)
class AtCarrier:
    """The numbers in service of one carrier, by what its list says: `gone` are not on it, `led_away` are answered by
    somebody else there, with whom."""

    in_service: int
    gone: list[str] = field(default_factory=list)
    led_away: dict[str, str] = field(default_factory=dict)


async def diagnose_numbers(services: Services) -> AsyncIterator[Finding]:
    """Findings on accounts, carriers' lists and marks. The database must be readable."""
    async for finding in check_accounts(services):
        yield finding
    for carrier in services.carriers.values():
        try:
            for told in of_carrier(carrier.name, await compare(services, carrier)):
                yield told
        except TrunklineError as error:
            yield refused(carrier.name, error)
    async for finding in check_marks(services):
        yield finding


async def check_accounts(services: Services) -> AsyncIterator[Finding]:
    """Keys of another account than the one that was worked with until now; accounts where nothing is bought."""
    async with services.database.read() as session:
        known = {row.provider: row for row in await account_rows.all_known(session)}
        blocked = [row for name in known if (row := await account_rows.blocked(session, name)) is not None]
    for provider in known:
        if provider != VOICE and provider not in services.carriers:
            continue
        try:
            keys = await keys_of(services, provider)
        except TrunklineError:
            continue  # what is wrong with the keys is said elsewhere
        if keys.changed:
            text = f"the keys of {shown(provider)} are of account {keys.now}; until now they were of {keys.accepted}"
            yield problem(provider, text, f"set the former keys again, or: trunkline accounts accept {provider}")
    for row in blocked:
        yield problem(row.provider, f"nothing is bought there for now: {row.reason}", row.hint)


async def compare(services: Services, carrier: Carrier) -> AtCarrier:
    """Our numbers in service of this carrier against its complete list; a ProviderError where that cannot be read."""
    async with services.database.read() as session:
        rows = [r for r in await numbers.in_state(session, NumberState.IN_SERVICE) if r.carrier == carrier.name]
    if not rows:
        return AtCarrier(0)
    listing = {owned.number: owned async for owned in carrier.owned()}
    found = AtCarrier(len(rows))
    for row in rows:
        owned = listing.get(E164(row.number))
        if owned is None:
            found.gone.append(row.number)
        elif carrier.capabilities.imported and carrier.capabilities.sells and not arrives(owned, row):
            found.led_away[row.number] = owned.used_by or "nothing"
    return found


def of_carrier(name: str, found: AtCarrier) -> list[Finding]:
    subject, told_of = f"{name} numbers", []
    if found.gone:
        text = f"{len(found.gone)} of {found.in_service} in service are not in the account: {listed(found.gone)}"
        told_of.append(problem(subject, text, "calls to them do not arrive: give their restaurants other numbers"))
    if found.led_away:
        told = [f"{number} ({who})" for number, who in found.led_away.items()]
        text = f"{len(told)} of {found.in_service} in service are not led to Vapi: {listed(told)}"
        mend = f"lead them to Vapi again at {name}, or delete them in Vapi and run: trunkline repoint"
        told_of.append(problem(subject, text, mend))
    return told_of or [ok(subject, f"in service: {found.in_service}, all held and led to Vapi")]


def listed(words: list[str]) -> str:
    return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")


async def check_marks(services: Services) -> AsyncIterator[Finding]:
    """Another installation works in the same organisation, or this database is not the one that it was."""
    async with services.database.read() as session:
        known = await numbers.any_known(session)
    others = await marks_of_others(services)
    if others:
        told = ", ".join(f"{count} of {other}" for other, count in others.items())
        text = f"numbers in Vapi carry the marks of other installations ({told}) and are left alone"
        yield warning("marks", text, "nothing, if they are in use" if known else TAKE_OVER)
