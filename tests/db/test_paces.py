"""Processes of one installation share an account's pace: its turns, its places, its pauses."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from sqlalchemy import select, update

from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from trunkline.db.models import PacePlaces, PaceRow, utcnow
from trunkline.db.paces import SharedPace
from trunkline.db.session import Database
from trunkline.errors import RetryLater
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient
from trunkline.providers.pace import Demand, Limits
from trunkline.sandbox.vapi import DEFAULT_SECRET

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]
SLOW = Limits(per_second=1, at_once=10)
MANY = 60.0  # seconds in which nobody forgets a place


@pytest.fixture
def paces(database: Database) -> list[SharedPace]:
    return [SharedPace(database, f"process {n}") for n in range(3)]


@pytest.fixture
async def clients(sandbox: SandboxServer, paces: list[SharedPace]) -> AsyncIterator[list[ProviderClient]]:
    """Of the same account, each in a process of its own."""
    headers = {"Authorization": f"Bearer {DEFAULT_SECRET}"}
    limits = Limits(per_second=10, at_once=2)
    made = [ProviderClient(Account("vapi", limits, pace), sandbox.url, headers=headers) for pace in paces]
    yield made
    for client in made:
        await client.close()


async def ask(client: ProviderClient) -> None:
    await client.request("list", "GET", "/assistant")


async def places(pace: SharedPace, wanted: int, open_: int = 0, limits: Limits = SLOW) -> int:
    return (await pace.lease("vapi", limits, Demand(0, wanted, open_))).places


async def test_each_turn_is_one_process_s(paces: list[SharedPace], database: Database) -> None:
    free = []
    for n in range(6):
        assert (await paces[n % 3].lease("vapi", SLOW, Demand(1, 1, 0))).turns == 1
        async with database.read() as session:
            free.append((await session.execute(select(PaceRow.free_at))).scalar_one())
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(free) if later and sooner]
    assert len(gaps) == 5
    assert min(gaps) > 0.999


async def test_accounts_do_not_share_with_others(paces: list[SharedPace]) -> None:
    for provider in ("vapi", "twilio"):
        lease = await paces[0].lease(provider, SLOW, Demand(1, 10, 0))
        assert lease.begins <= 0.001
        assert lease.places == 10


async def test_a_place_is_lent_again_when_it_was_given_back(paces: list[SharedPace]) -> None:
    first, second, third = paces
    assert await places(first, 10) == 10
    assert await places(second, 10) == 0
    assert await places(first, 10, 7) == 7  # more are under way than would be its share
    assert await places(second, 10) == 3
    assert await places(first, 10, 2) == 5
    assert await places(second, 10) == 5
    assert await places(first, 0) == 0
    assert await places(second, 10) == 10
    assert await places(third, 1) == 0
    assert await places(second, 10) == 9
    assert await places(third, 1) == 1


async def test_a_dead_process_s_places_are_free_soon(paces: list[SharedPace], database: Database) -> None:
    assert await places(paces[0], 10) == 10
    async with database.write() as session:
        (row,) = (await session.execute(select(PacePlaces))).scalars()
        assert (row.until - utcnow()).total_seconds() < 10
        await session.execute(update(PacePlaces).values(until=utcnow()))
    assert await places(paces[1], 10) == 10


async def test_where_there_are_fewer_places_than_processes_each_has_its_time(paces: list[SharedPace]) -> None:
    one, had = Limits(per_second=1, at_once=1), set[int]()
    deadline = time.monotonic() + MANY
    while len(had) < 3:
        found = [await places(pace, 5, limits=one) for pace in paces]
        assert sum(found) <= 1
        had.update(n for n, held in enumerate(found) if held)
        assert time.monotonic() < deadline


async def test_what_one_was_told_all_heed(paces: list[SharedPace], clients: list[ProviderClient]) -> None:
    clients[0].account.pause(600)
    with pytest.raises(RetryLater, match="pause"):
        await ask(clients[0])
    await paces[0].lease("vapi", SLOW, Demand(0, 1, 0, pause=600))
    with pytest.raises(RetryLater, match="pause"):
        await ask(clients[1])


async def test_processes_together_keep_the_pace(clients: list[ProviderClient]) -> None:
    began = time.monotonic()
    await asyncio.gather(*(ask(client) for client in clients for _ in range(10)))
    assert time.monotonic() - began > 1.9  # ten at once, twenty more at ten a second


async def test_processes_together_keep_to_the_places(sandbox: SandboxServer, clients: list[ProviderClient]) -> None:
    fault = sandbox.fault(provider="vapi", operation="assistants.list", kind="hold", when="before", times=30)
    asked = [asyncio.create_task(ask(client)) for client in clients for _ in range(2)]
    while len(sandbox.requests(provider="vapi", operation="assistants.list")) < 2:
        await asyncio.sleep(0.02)
    await asyncio.sleep(1.5)  # enough for all of them
    assert len(sandbox.requests(provider="vapi", operation="assistants.list")) == 2
    sandbox.control.delete(f"/faults/{fault}").raise_for_status()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_a_place_is_kept_as_long_as_something_is_under_way_and_then_given_back(
    sandbox: SandboxServer, clients: list[ProviderClient], database: Database
) -> None:
    async def lent_until() -> datetime | None:
        async with database.read() as session:
            return (await session.execute(select(PacePlaces.until))).scalar()

    fault = sandbox.fault(provider="vapi", operation="assistants.list", kind="hold", when="before")
    asked = asyncio.create_task(ask(clients[0]))
    while (first := await lent_until()) is None:
        await asyncio.sleep(0.05)
    while await lent_until() == first:
        await asyncio.sleep(0.05)
    sandbox.control.delete(f"/faults/{fault}").raise_for_status()
    await asyncio.gather(asked, return_exceptions=True)
    while await lent_until():
        await asyncio.sleep(0.05)


async def test_while_the_database_is_away_each_keeps_its_own_pace(
    clients: list[ProviderClient], postgres: PostgresServer
) -> None:
    with postgres.hanging():
        await asyncio.gather(*(ask(client) for client in clients[:2]))
    await ask(clients[2])
