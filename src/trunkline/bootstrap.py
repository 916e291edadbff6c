"""Builds the services from the settings, once: the one place that picks classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext

from trunkline import traces
from trunkline.carriers.registry import build_carriers
from trunkline.db import installation
from trunkline.db.lock import SingleProcess, database_file
from trunkline.db.migrate import ensure_current
from trunkline.db.paces import SharedPace
from trunkline.db.session import Database
from trunkline.domain.scopes import scopes_of_secret
from trunkline.errors import InvalidInput, SettingsError
from trunkline.logs import REDACTOR
from trunkline.providers.account import Accounts
from trunkline.providers.outgoing import Outgoing
from trunkline.settings import Routing, Settings
from trunkline.voice.vapi import VapiPlatform
from trunkline.workflows import kinds
from trunkline.workflows.accounts import warn_of_others
from trunkline.workflows.count_connections import refuse_too_few
from trunkline.workflows.engine import Engine
from trunkline.workflows.gate import RUNS_PER_PLACE, Gate
from trunkline.workflows.keep_house import keep_house
from trunkline.workflows.send_events import send_events
from trunkline.workflows.services import Services
from trunkline.workflows.settle_debts import settle_debts
from trunkline.workflows.share_batch import join_batches
from trunkline.workflows.watch_drift import watch_drift

LAST_SPANS_SECONDS = 5.0


def refuse_unusable(settings: Settings) -> None:
    """SettingsError for what would make every request fail or let anyone in."""
    if settings.vapi_secret_key is None or not settings.vapi_secret_key.get_secret_value():
        raise SettingsError(
            "VAPI_SECRET_KEY is not set", hint="set it to the secret that callers send as X-Vapi-Secret"
        )
    if settings.vapi_api_key is None:
        raise SettingsError("VAPI_API_KEY is not set", hint="set Vapi's private key, or run with the sandbox")
    if settings.tools_webhook_url and settings.tools_webhook_secret is None:
        raise SettingsError(
            "TOOLS_WEBHOOK_URL needs TOOLS_WEBHOOK_SECRET", hint="set a secret that your tools' server checks"
        )
    refuse_unusable_signatures(settings)
    try:
        scopes_of_secret(settings.vapi_secret_scopes)
    except InvalidInput as error:
        raise SettingsError(f"VAPI_SECRET_SCOPES: {error.detail}", hint=error.hint) from None
    if settings.vapi_routing is Routing.SERVER and not settings.public_backend_url:
        raise SettingsError(
            "VAPI_ROUTING=server needs PUBLIC_BACKEND_URL",
            hint="set it to the https address at which Vapi reaches this server, or VAPI_ROUTING=assistant",
        )


def refuse_unusable_signatures(settings: Settings) -> None:
    plan, secret = settings.vapi_webhook_hmac_plan, settings.vapi_webhook_hmac_secret
    if plan is None:
        return
    if secret is None:
        raise SettingsError(
            "VAPI_WEBHOOK_HMAC_PLAN needs VAPI_WEBHOOK_HMAC_SECRET", hint="set it to the secretKey of that credential"
        )
    try:
        plan.key(secret.get_secret_value())
    except ValueError:
        raise SettingsError(
            "VAPI_WEBHOOK_HMAC_SECRET is not base64, as secretIsBase64 of VAPI_WEBHOOK_HMAC_PLAN says",
            hint="copy the secretKey of that credential again, or leave secretIsBase64 out",
        ) from None


@asynccontextmanager
async def idle_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything, built and not started, to look with: nothing is locked, migrated or resumed, so a server may run."""
    REDACTOR.know(*settings.secrets())
    database = Database(settings.database_url)
    engine = Engine(settings.database_url, database, settings.takeover_seconds)
    accounts = Accounts(settings, None if database.embedded else SharedPace(database, engine.process_id))
    carriers, voice = build_carriers(settings, accounts), VapiPlatform(settings, accounts.of("vapi"))
    gate, outgoing = Gate(settings.provider_concurrency * RUNS_PER_PLACE), Outgoing(settings)
    services = Services(settings, database, engine, carriers, voice, installation="", outgoing=outgoing, gate=gate)
    try:
        yield services
    finally:
        for carrier in services.carriers.values():
            await carrier.close()
        await services.voice.close()
        await services.outgoing.close()
        await database.close()


@asynccontextmanager
async def traces_sent(endpoint: str | None) -> AsyncIterator[None]:
    """Inside, traces go there; what is left at the end, if somebody takes it."""
    traces.collect(endpoint)
    try:
        yield
    finally:
        await asyncio.to_thread(traces.stop_collecting, LAST_SPANS_SECONDS)


@asynccontextmanager
async def running_services(
    settings: Settings, last_seconds: Callable[[], float] | None = None
) -> AsyncIterator[Services]:
    """Everything, started; unfinished runs are resumed. At the end running work may finish for as long as
    `last_seconds` says then, or else for SHUTDOWN_SECONDS."""
    refuse_unusable(settings)
    file = database_file(settings.database_url)
    with SingleProcess(file) if file else nullcontext():
        await asyncio.to_thread(ensure_current, settings.database_url)
        async with traces_sent(settings.otel_exporter_otlp_endpoint), idle_services(settings) as services:
            async with services.database.write() as session:
                services.installation = await installation.name(session)
            if not file:
                await refuse_too_few(services)
            kinds.register(services)
            await services.engine.launch()
            worker = asyncio.create_task(settle_debts(services))
            sender = asyncio.create_task(send_events(services))
            housekeeper = asyncio.create_task(keep_house(services))
            watcher = asyncio.create_task(watch_drift(services))
            clerk = asyncio.create_task(services.key_uses.write(services.database))
            helper = None if services.database.embedded else asyncio.create_task(join_batches(services))
            greeting = asyncio.create_task(warn_of_others(services))
            try:
                yield services
            finally:
                greeting.cancel()
                if helper:
                    helper.cancel()
                clerk.cancel()
                worker.cancel()
                sender.cancel()
                watcher.cancel()
                housekeeper.cancel()
                services.gate.close()
                await services.engine.close(last_seconds() if last_seconds else settings.shutdown_seconds)
