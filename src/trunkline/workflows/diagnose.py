"""Looks whether everything that calls and purchases need is right, at the live providers too; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from trunkline.carriers.base import AccountState, Carrier
from trunkline.db import migrate, plans, restaurants
from trunkline.db.lock import database_file
from trunkline.domain.scopes import Scope, scopes_of_secret
from trunkline.errors import ActionRequired, Intercepted, TrunklineError
from trunkline.settings import Routing
from trunkline.voice.base import Assistant
from trunkline.workflows.budgets import diagnose_budgets, read_all
from trunkline.workflows.check_books import check_books
from trunkline.workflows.count_connections import count_connections
from trunkline.workflows.diagnose_numbers import diagnose_numbers
from trunkline.workflows.findings import Finding, ok, problem, refused, warning
from trunkline.workflows.reach_server import asked, unhealthy
from trunkline.workflows.repoint_numbers import Drift, find_drift
from trunkline.workflows.services import WEBHOOK_PATH, Services
from trunkline.workflows.set_up_assistant import EVENTS, OUR_VARIABLE

SKEW_SECONDS = 30.0
ASKS = "get_restaurant"
SET_UP = "trunkline setup-vapi"
REPOINT = "trunkline repoint"


async def diagnose(services: Services, *, by_server: bool = False) -> AsyncIterator[Finding]:
    """One finding after the other, as they come. `services` need not be started, and a server may run meanwhile:
    `by_server` where it is the one that looks, at whatever address it listens."""
    found, readable = await check_database(services)
    for finding in found:
        yield finding
    yield ok("server", "runs, and is the one that looks") if by_server else await check_server(services)
    async for finding in check_address(services):
        yield finding
    for finding in check_secret(services):
        yield finding
    for name in services.settings.carriers:
        yield await check_carrier(name, services.carriers.get(name))
    yield caps(services)
    async for finding in check_voice(services, readable):
        yield finding
    if readable:
        try:
            async for finding in diagnose_numbers(services):
                yield finding
        except TrunklineError as error:
            yield refused("numbers", error)
        for finding in await check_tables(services):
            yield finding
    yield clock(services.voice.clock_skew)


async def check_database(services: Services) -> tuple[list[Finding], bool]:
    """With whether its tables can be read, and then also what they say of connections and keys."""
    state, readable = await check_schema(services)
    if not readable:
        return [state], False
    counted = [] if services.database.embedded else [await count_connections(services)]
    return [state, *counted, await check_keys(services)], True


async def check_schema(services: Services) -> tuple[Finding, bool]:
    """With whether its tables can be read."""
    url = services.settings.database_url
    file = database_file(url)
    where = f"SQLite {file}" if file else "PostgreSQL"
    try:
        found, behind = await asyncio.to_thread(lambda: (migrate.current(url), migrate.pending(url)))
    except TrunklineError as error:
        return refused("database", error), False
    if behind and file:
        return ok("database", f"{where} is brought to the present schema by the next start of the server"), False
    if behind:
        return problem("database", f"{where} is at schema {found or 'none'}", "run: trunkline db upgrade"), False
    return ok("database", f"{where} answers, at schema {found}"), True


async def check_keys(services: Services) -> Finding:
    """Keys of restaurants that were derived from the VAPI_SECRET_KEY of that time."""
    async with services.database.read() as session:
        former = await restaurants.with_former_keys(session)
    if former:
        text = f"restaurants whose key follows from VAPI_SECRET_KEY and the database, as it did formerly: {former}"
        return warning("keys", text, "trunkline restaurants rotate-key --all: those until now work for 24 h more")
    return ok("keys", "no restaurant's key follows from VAPI_SECRET_KEY")


async def check_tables(services: Services) -> list[Finding]:
    """What our own tables tell: of budgets, of the newest comparison, of themselves."""
    budgets = diagnose_budgets(await read_all(services.database), services.settings.budget_rates)
    return [*budgets, await check_drift(services), *await check_books(services)]


async def check_drift(services: Services) -> Finding:
    """What the newest comparison of carriers, Vapi and our tables has found."""
    async with services.database.read() as session:
        newest = await plans.newest(session)
    if newest is None:
        return ok("drift", "carriers, Vapi and our tables were not compared yet")
    at = f"{newest.created_at:%Y-%m-%d %H:%M} UTC"
    if newest.failed:
        return warning("drift", f"{at}: a list could not be believed", f"trunkline reconcile show {newest.id}")
    if newest.differs:
        counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(newest.counts.items()))
        return warning("drift", f"{at}: {counts}", "trunkline reconcile plan")
    return ok("drift", f"{at}: carriers, Vapi and our tables said the same")


async def check_server(services: Services) -> Finding:
    url = services.settings.trunkline_url
    why = await unhealthy(services, url)
    if why is None:
        return ok("server", f"runs at {url}")
    return warning("server", f"none runs at {url}: {why}", "start it with: trunkline serve, or set TRUNKLINE_URL")


async def check_address(services: Services) -> AsyncIterator[Finding]:
    """PUBLIC_BACKEND_URL as Vapi would use it; that it answers here does not prove that it does from outside."""
    subject, base = "public address", services.settings.public_backend_url
    if base is None:
        text, mend = "PUBLIC_BACKEND_URL is not set, so that Vapi cannot reach us", f"set it, then run: {SET_UP}"
        server_mode = services.settings.vapi_routing is Routing.SERVER
        yield problem(subject, text, mend) if server_mode else warning(subject, text, mend)
        return
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield problem(subject, f"{base} is not an address", "write it like https://trunkline.example.com")
        return
    if of_this_machine(base):
        yield warning(subject, f"{base} is reached from this machine only", "use a tunnel, or a public host")
    elif parts.scheme != "https":
        yield problem(subject, f"{base} is not https: calls and the secret travel in clear", "use https")
    if why := await unhealthy(services, base):
        yield problem(subject, f"{base} does not answer: {why}", "start the server, or correct the address")
        return
    yield ok(subject, f"{base} answers")
    yield await check_webhook(services, base)


def check_secret(services: Services) -> list[Finding]:
    """What X-Vapi-Secret may do, which Vapi stores, and whoever reads it there has."""
    settings, found = services.settings, []
    base = settings.public_backend_url
    if scopes_of_secret(settings.vapi_secret_scopes) > {Scope.WEBHOOK} and base and not of_this_machine(base):
        text = "X-Vapi-Secret, which Vapi stores, may do more than Vapi needs"
        mend = "make a key for yourself (trunkline keys create), then set VAPI_SECRET_SCOPES=webhook"
        found.append(warning("secret", text, mend))
    if settings.vapi_secret_key_previous:
        text = "VAPI_SECRET_KEY_PREVIOUS counts, too"
        found.append(warning("secret", text, f"run: {SET_UP}, and: {REPOINT}; then take it out"))
    return found


async def check_webhook(services: Services, base: str) -> Finding:
    """A message as Vapi sends it, of a type that nothing follows from."""
    try:
        await asked(services, base, "POST", WEBHOOK_PATH, {"message": {"type": "doctor"}})
    except Intercepted as error:
        return refused("webhook", error)
    except ActionRequired:
        text = "the server at this address does not know our VAPI_SECRET_KEY"
        return problem("webhook", text, "give both the same VAPI_SECRET_KEY, or correct PUBLIC_BACKEND_URL")
    except TrunklineError as error:
        return problem("webhook", error.detail, "look at the server's log")
    return ok("webhook", "it takes our secret")


def clock(skew: float | None) -> Finding:
    """Against the provider's. Signatures and certificates need the right time."""
    if skew is None:
        return warning("clock", "Vapi did not say what time it is", "try again in a moment")
    if abs(skew) > SKEW_SECONDS:
        text = f"this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        return problem("clock", text, "let it follow a time server (NTP)")
    return ok("clock", "is right")


async def check_carrier(name: str, carrier: Carrier | None) -> Finding:
    if carrier is None:
        return warning(
            name, "is in CARRIERS, but its keys are not set", f"set {name}'s keys, or take it out of CARRIERS"
        )
    try:
        state = await carrier.account()
    except TrunklineError as error:
        return refused(name, error)
    return of_account(name, state)


def of_account(name: str, state: AccountState | None) -> Finding:
    if state is None:
        return ok(name, "is configured; there is no account to ask about")
    money = f"balance {state.balance} {state.currency or ''}".strip() if state.balance is not None else None
    kind = f"{state.kind.title()} account" if state.kind else None
    text = ", ".join(filter(None, ["keys are valid", kind, money]))
    if not state.usable:
        return problem(name, f"{text}; the account is not active", "settle its state in the carrier's console")
    if state.kind == "trial":
        return warning(name, f"{text}: restaurants share its one number", "upgrade it when each is to have its own")
    if state.balance is not None and state.balance <= 0:
        return warning(name, f"{text}: nothing can be bought", "add credit")
    return ok(name, text)


def caps(services: Services) -> Finding:
    settings = services.settings
    text = f"each provider gets at most {settings.provider_requests_per_second:g} requests a second"
    return ok("caps", f"{text}, {settings.provider_concurrency} at once")


async def check_voice(services: Services, readable: bool) -> AsyncIterator[Finding]:
    """Vapi's key, the assistant, the credential, and what answers the numbers."""
    try:
        assistant = await services.voice.assistant()
    except TrunklineError as error:
        yield refused("vapi", error)
        return
    yield ok("vapi", "the key is valid")
    try:
        credential = await services.voice.find_webhook_credential()
    except TrunklineError as error:
        yield refused("credential", error)
        credential = None
    if assistant is None:
        name = services.settings.vapi_assistant_name
        yield problem("assistant", f"Vapi has none named {name!r}", f"run: {SET_UP}")
        return
    for finding in of_assistant(services, assistant, credential):
        yield finding
    if readable and (credential or services.settings.vapi_routing is Routing.ASSISTANT):
        try:
            for finding in of_drift(services.settings.vapi_routing, await find_drift(services)):
                yield finding
        except TrunklineError as error:
            yield refused("routing", error)


def of_assistant(services: Services, assistant: Assistant, credential: str | None) -> list[Finding]:
    """What its calls need; all of it is right where nothing is found."""
    found, url = [], services.server_url
    if url is None:
        found.append(warning("assistant", "its calls are not reported to us", "set PUBLIC_BACKEND_URL"))
    elif assistant.server_url != url:
        text = f"its server is {assistant.server_url or 'not set'} and not {url}"
        found.append(problem("assistant", text, f"run: {SET_UP}"))
    elif credential is None or assistant.server_credential_id != credential:
        text = "it does not send our VAPI_SECRET_KEY by the credential made for it"
        found.append(problem("assistant", text, f"run: {SET_UP}"))
    sent = EVENTS if assistant.server_messages is None else assistant.server_messages
    if missing := [e for e in EVENTS if e not in sent]:
        found.append(problem("assistant", f"its serverMessages leave out {', '.join(missing)}", f"run: {SET_UP}"))
    unasked = services.settings.vapi_routing is Routing.ASSISTANT
    if unasked and assistant.tools is not None and ASKS not in assistant.tools:
        text = f"it has no tool {ASKS}, by which it learns which restaurant was called"
        found.append(warning("assistant", text, f"add a function tool {ASKS} in Vapi, or set VAPI_ROUTING=server"))
    if unasked and OUR_VARIABLE.search(assistant.first_message or ""):
        text = "its greeting has a variable that only a call which asked our server fills in"
        found.append(warning("assistant", text, f"run: {SET_UP}, or set VAPI_ROUTING=server"))
    return found or [ok("assistant", f"{assistant.name!r} ({assistant.id}) reaches us with our secret")]


def of_drift(routing: Routing, drift: Drift) -> list[Finding]:
    who = "the shared assistant" if routing is Routing.ASSISTANT else "our server"
    total, found = drift.in_service, []
    if drift.wrong:
        text = f"{len(drift.wrong)} of {total} numbers in service are not answered by {who}"
        found.append(problem("routing", text, f"run: {REPOINT}"))
    if drift.missing:
        text = f"{len(drift.missing)} of {total} numbers in service are not in Vapi: {', '.join([*drift.missing][:5])}"
        found.append(problem("routing", text, f"run: {REPOINT}, which imports them again"))
    if drift.foreign:
        text = f"{len(drift.foreign)} of {total} numbers in service serve somebody else in Vapi"
        mend = "connect them again in Vapi's dashboard, or release them"
        found.append(problem("routing", f"{text}: {', '.join(drift.foreign[:5])}", mend))
    return found or [ok("routing", f"numbers in service: {total}, all answered by {who}")]


def of_this_machine(address: str) -> bool:
    """Whether it is reached from here only."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
