"""Starts and ends what answers calls, over running services."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from trunkline.routing.assistant import KnownAssistant
from trunkline.routing.call_log import CallLog
from trunkline.routing.complete_calls import Completion
from trunkline.routing.directory import Directory
from trunkline.routing.follow import Follower
from trunkline.routing.resolve import Resolver
from trunkline.routing.router import Router
from trunkline.routing.tools_server import ToolsServer
from trunkline.settings import Routing
from trunkline.workflows.services import Services

log = structlog.get_logger()
DRAIN_SECONDS = 5.0


@asynccontextmanager
async def running_router(services: Services) -> AsyncIterator[Router]:
    """Every mapping is in memory before the first call is answered."""
    settings, database = services.settings, services.database
    directory = Directory()
    follower = Follower(database, directory)
    await follower.load()
    assistant = KnownAssistant(services.voice, settings)
    overdue = timedelta(minutes=settings.call_completion_minutes)
    resolver = Resolver(directory, follower)
    call_log = CallLog(database, resolver, overdue, counts_calls=settings.vapi_routing is Routing.ASSISTANT)
    completion = Completion(database, services.voice, call_log, overdue)
    tools_server = ToolsServer(settings)
    work: list[Coroutine[Any, Any, None]] = [follower.run(), assistant.keep(), call_log.run(), completion.run()]
    if database.behind_pooler:
        log.info("DATABASE_URL leads through a pooler: what other processes change is read each second")
    elif not database.embedded:
        work.append(follower.listen())
    tasks = [asyncio.create_task(each) for each in work]
    gc.freeze()  # what lives as long as the process is not to be visited again and again
    try:
        yield Router(settings, directory, resolver, assistant, call_log, tools_server)
    finally:
        gc.unfreeze()
        await call_log.drain(DRAIN_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        database.listeners.remove(follower.refresh)
        await tools_server.close()
