"""Mappings in a database of each kind, a directory that follows it, and the webhook over it."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import pytest
import uvicorn
from sqlalchemy import select

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.api.webhook import Webhook, WebhookFirst
from trunkline.bootstrap import idle_services
from trunkline.db import mappings, numbers
from trunkline.db.models import Call, Mapping, Number, Restaurant
from trunkline.db.session import Database
from trunkline.domain.numbers import NumberState
from trunkline.routing.directory import Directory, Former
from trunkline.routing.follow import Follower
from trunkline.routing.service import running_router
from trunkline.sandbox.server import environment
from trunkline.workflows.services import WEBHOOK_PATH

SECRET = "the-secret-of-the-door"
Found = str | tuple[str, str] | None


@dataclass
class Town:
    """Restaurants and their numbers, written as the workflows write them."""

    database: Database
    url: str

    async def restaurant(self, name: str) -> str:
        async with self.database.write() as session:
            row = Restaurant(name=name, api_key_hash=uuid.uuid4().hex)
            session.add(row)
            await session.flush()
            return row.id

    async def number(self, number: str, voice_id: str | None = None, state: str = "in_service") -> str:
        async with self.database.write() as session:
            session.add(Number(number=number, state=state, voice_id=voice_id, carrier="twilio"))
        return number

    async def map(self, number: str, restaurant_id: str, active: bool = True) -> str:
        async with self.database.write() as session:
            row = Mapping(number=number, restaurant_id=restaurant_id, active=active, source="owned")
            session.add(row)
            await session.flush()
            return row.id

    async def served(self, number: str, name: str, voice_id: str | None = None) -> str:
        """A restaurant with this number; its id."""
        restaurant_id = await self.restaurant(name)
        await self.number(number, voice_id)
        await self.map(number, restaurant_id)
        return restaurant_id

    async def out_of_service(self, number: str, hours: float = 168) -> None:
        """As when its restaurant is deleted: the number cools down."""
        async with self.database.write() as session:
            row = (await numbers.lock(session, number))[number]
            await mappings.end_all(session, row, "restaurant_deleted", hours)

    async def change(self, number: str, **values: object) -> None:
        async with self.database.write() as session:
            row = await numbers.get(session, number)
            for name, value in values.items():
                setattr(row, name, value.value if isinstance(value, NumberState) else value)


@dataclass
class Guide:
    """A directory and its follower; answers are shown as the restaurant's name, or ("former", name)."""

    directory: Directory
    follower: Follower

    def find(self, *, number: str | None = None, caller: str | None = None, voice_id: str | None = None) -> Found:
        return shown(self.directory.find(voice_id, None, number, caller))

    async def look_up(self, *, number: str | None = None, voice_id: str | None = None) -> Found:
        return shown(await self.follower.look_up([voice_id], number, None))


def shown(answer: bytes | Former | None) -> Found:
    if isinstance(answer, Former):
        return "former", answer.values.restaurant_name
    return None if answer is None else str(msgspec.json.decode(answer)["restaurant_name"])


@pytest.fixture
def town(database: Database, database_url: str) -> Town:
    return Town(database, database_url)


@pytest.fixture
async def guide(database: Database, database_url: str) -> Guide:
    directory = Directory()
    follower = Follower(database, directory)
    await follower.load()
    return Guide(directory, follower)


class DoorServer(uvicorn.Server):
    """In the test's own loop; the signals are the test's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Door:
    """The webhook as Vapi reaches it, and the town behind it."""

    town: Town
    url: str
    client: httpx2.AsyncClient

    async def knock(self, message: Any, **headers: str) -> httpx2.Response:
        sent = headers or {"X-Vapi-Secret": SECRET}
        return await self.client.post(WEBHOOK_PATH, content=json.dumps({"message": message}), headers=sent)

    async def ask(self, message: Any) -> Any:
        answer = await self.knock(message)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def calls(self) -> dict[str, Call]:
        async with self.town.database.read() as session:
            return {call.id: call for call in (await session.execute(select(Call))).scalars()}


OpenDoor = Callable[..., AbstractAsyncContextManager[Door]]


@pytest.fixture
def open_door(sandbox: SandboxServer, database_url: str) -> OpenDoor:
    """Starts what answers calls, with these settings, over a database of each kind; the sandbox is its Vapi."""

    @asynccontextmanager
    async def opener(root_path: str = "", **changes: Any) -> AsyncIterator[Door]:
        known = {name.lower(): value for name, value in environment(sandbox.url).items()}
        own = {"vapi_secret_key": SECRET, "database_url": database_url, "provider_timeout_seconds": 10}
        settings = given(**(known | own | changes))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            async with (
                idle_services(settings) as services,
                running_router(services) as router,
                httpx2.AsyncClient(base_url=url, timeout=60) as client,
            ):
                app = WebhookFirst()
                app.webhook = Webhook(settings, router)
                config = uvicorn.Config(
                    app, lifespan="off", log_level="warning", timeout_graceful_shutdown=1, root_path=root_path
                )
                server = DoorServer(config)
                serving = asyncio.create_task(server.serve([sock]))
                while not server.started:
                    await asyncio.sleep(0.005)
                yield Door(Town(services.database, database_url), url, client)
                server.should_exit = True
                await serving

    return opener


@pytest.fixture
async def door(open_door: OpenDoor) -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened
