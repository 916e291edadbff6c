"""Builds the services from the settings, once: the one place that picks classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from trunkline.carriers.registry import build_carriers
from trunkline.db import installation
from trunkline.db.lock import SingleProcess, database_file
from trunkline.db.migrate import ensure_current
from trunkline.db.session import Database
from trunkline.errors import SettingsError
from trunkline.logs import REDACTOR
from trunkline.settings import Routing, Settings
from trunkline.voice.vapi import VapiPlatform
from trunkline.workflows import assign_number, release_number, run_batch
from trunkline.workflows.engine import Engine
from trunkline.workflows.services import Services
from trunkline.workflows.settle_debts import settle_debts


def refuse_unusable(settings: Settings) -> None:
    """SettingsError for what would make every request fail or let anyone in."""
    if settings.vapi_secret_key is None or not settings.vapi_secret_key.get_secret_value():
        raise SettingsError(
            "VAPI_SECRET_KEY is not set", hint="set it to the secret that callers send as X-Vapi-Secret"
        )
    if settings.vapi_api_key is None:
        raise SettingsError("VAPI_API_KEY is not set", hint="set Vapi's private key, or run with the sandbox")
    if settings.vapi_routing is Routing.SERVER and not settings.public_backend_url:
        raise SettingsError(
            "VAPI_ROUTING=server needs PUBLIC_BACKEND_URL",
            hint="set it to the https address at which Vapi reaches this server, or VAPI_ROUTING=assistant",
        )


@asynccontextmanager
async def running_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything, started; unfinished runs are resumed. At the end running work may finish for a while."""
    refuse_unusable(settings)
    REDACTOR.know(*settings.secrets())
    file = database_file(settings.database_url)
    with SingleProcess(file) if file else nullcontext():
        await asyncio.to_thread(ensure_current, settings.database_url)
        database = Database(settings.database_url)
        engine = Engine(settings.database_url, database, settings.takeover_seconds)
        async with database.write() as session:
            name = await installation.name(session)
        services = Services(settings, database, engine, build_carriers(settings), VapiPlatform(settings), name)
        batch = run_batch.RunBatch(services)
        engine.register(assign_number.KIND, assign_number.AssignNumber(services, batch.inventory))
        engine.register(run_batch.KIND, batch)
        engine.register(release_number.KIND, release_number.ReleaseNumber(services))
        await engine.launch()
        worker = asyncio.create_task(settle_debts(services))
        try:
            yield services
        finally:
            worker.cancel()
            await engine.close(settings.shutdown_seconds)
            for carrier in services.carriers.values():
                await carrier.close()
            await services.voice.close()
            await database.close()
