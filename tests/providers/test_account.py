"""One account, one pace: what its clients share, and what is asked again right before the bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.sandbox_server import SandboxServer
from trunkline.errors import Cancelled, RetryLater, Role
from trunkline.providers.account import Account, Accounts
from trunkline.providers.http import Check, ProviderClient, before_sending
from trunkline.providers.pace import Demand, Lease, Limits, OwnPace, Urgency, share, urgent
from trunkline.sandbox.server import environment
from trunkline.sandbox.vapi import DEFAULT_SECRET
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio

Clients = Callable[[Account], ProviderClient]


@pytest.fixture
async def client(sandbox: SandboxServer) -> AsyncIterator[Clients]:
    """Another client of the sandbox's Vapi for the account that it is given."""
    made: list[ProviderClient] = []

    def new(account: Account) -> ProviderClient:
        made.append(ProviderClient(account, sandbox.url, headers={"Authorization": f"Bearer {DEFAULT_SECRET}"}))
        return made[-1]

    yield new
    for each in made:
        await each.close()


@asynccontextmanager
async def held(sandbox: SandboxServer, client: ProviderClient, times: int = 1) -> AsyncIterator[None]:
    """Meanwhile so many requests of the account are under way at the provider, without an answer."""
    fault = sandbox.fault(provider="vapi", operation="assistants.list", kind="hold", when="before", times=times)
    asked = [asyncio.create_task(client.request("list", "GET", "/assistant")) for _ in range(times)]
    while len(sandbox.requests(provider="vapi", operation="assistants.list")) < times:
        await asyncio.sleep(0.01)
    yield
    sandbox.control.delete(f"/faults/{fault}").raise_for_status()
    await asyncio.gather(*asked, return_exceptions=True)


def made(sandbox: SandboxServer) -> int:
    return len(sandbox.requests(provider="vapi", operation="assistants.create"))


async def make(client: ProviderClient) -> None:
    await client.request("make", "POST", "/assistant", json={"name": "A"}, creates=True)


# What clients share


async def test_clients_of_one_account_share_its_places(sandbox: SandboxServer, client: Clients) -> None:
    account = Account("vapi", Limits(at_once=1))
    one, other = client(account), client(account)
    async with held(sandbox, one):
        waiting = asyncio.create_task(make(other))
        await make(client(Account("vapi", Limits())))  # another account does not wait
        assert (made(sandbox), waiting.done()) == (1, False)
    await waiting
    assert made(sandbox) == 2


async def test_clients_of_one_account_share_its_pace(client: Clients) -> None:
    account = Account("vapi", Limits(per_second=10))
    clients = [client(account), client(account)]
    began = time.monotonic()
    await asyncio.gather(*(clients[i % 2].request("list", "GET", "/assistant") for i in range(12)))
    assert time.monotonic() - began >= 0.19


async def test_what_queued_while_a_provider_hung_is_paced_afterwards(sandbox: SandboxServer, client: Clients) -> None:
    asking = client(Account("vapi", Limits(per_second=20, at_once=2)))
    async with held(sandbox, asking, times=2):
        waiting = [asyncio.create_task(make(asking)) for _ in range(30)]
        await asyncio.sleep(0.6)  # enough for the pace of all of them
        began = time.monotonic()
    await asyncio.gather(*waiting)
    assert time.monotonic() - began >= 0.4
    assert made(sandbox) == 30


async def test_clients_of_one_account_share_its_pause_and_clock(sandbox: SandboxServer, client: Clients) -> None:
    account = Account("vapi", Limits())
    one, other = client(account), client(account)
    sandbox.fault(provider="vapi", kind="status", status=429, headers={"Retry-After": "60"}, times=1)
    with pytest.raises(RetryLater):
        await one.request("list", "GET", "/assistant")
    with pytest.raises(RetryLater, match="pause") as caught:
        await other.request("other", "GET", "/assistant")
    assert (caught.value.role, caught.value.operation) == (Role.CARRIER, "other")
    assert len(sandbox.requests(provider="vapi")) == 1
    assert account.clock_skew == pytest.approx(0, abs=2)


async def test_a_pause_that_begins_while_a_request_waits_for_its_place_holds_for_it(
    sandbox: SandboxServer, client: Clients
) -> None:
    account = Account("vapi", Limits(at_once=1))
    asking = client(account)
    async with held(sandbox, asking):
        waiting = asyncio.create_task(make(asking))
        await asyncio.sleep(0)
        account.pause(60)
    with pytest.raises(RetryLater, match="pause"):
        await waiting
    assert made(sandbox) == 0


def test_each_provider_has_one_account_paced_as_the_settings_say() -> None:
    accounts = Accounts(load_settings(_env_file=None, **lower(provider_requests_per_second=3)))
    assert accounts.of("vapi") is accounts.of("vapi")
    assert accounts.of("vapi") is not accounts.of("twilio")
    assert accounts.of("vapi").limits.per_second == 3


def lower(**changes: object) -> dict[str, object]:
    return {name.lower(): value for name, value in environment("http://127.0.0.1:1").items()} | changes


# What is asked again right before the bytes


async def test_a_request_that_waits_for_its_place_is_not_sent_when_the_check_fails_meanwhile(
    sandbox: SandboxServer, client: Clients
) -> None:
    asking = client(Account("vapi", Limits(at_once=2)))
    cancelled = asyncio.Event()

    async def check() -> None:
        if cancelled.is_set():
            raise Cancelled("the batch was cancelled")

    async def make_checked() -> None:
        with before_sending(check):
            await make(asking)

    async with held(sandbox, asking, times=2):
        waiting = [asyncio.create_task(make_checked()) for _ in range(3)]
        await asyncio.sleep(0)
        cancelled.set()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, Cancelled)
    assert made(sandbox) == 0


async def test_a_request_that_waits_for_the_pace_is_not_sent_when_the_check_fails_meanwhile(
    sandbox: SandboxServer, client: Clients
) -> None:
    asking = client(Account("vapi", Limits(per_second=2)))
    cancelled = asyncio.Event()

    async def check() -> None:
        if cancelled.is_set():
            raise Cancelled("the batch was cancelled")

    with before_sending(check):
        waiting = [asyncio.create_task(make(asking)) for _ in range(4)]
    while made(sandbox) < 2:
        await asyncio.sleep(0.01)
    cancelled.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Cancelled, Cancelled]
    assert made(sandbox) == 2


async def test_a_look_is_not_checked_and_outside_nothing_is(sandbox: SandboxServer, client: Clients) -> None:
    asking = client(Account("vapi", Limits()))

    async def never() -> None:
        raise Cancelled("no")

    with before_sending(never):
        await asking.request("list", "GET", "/assistant")
        with pytest.raises(Cancelled):
            await make(asking)
    await make(asking)
    assert made(sandbox) == 1


async def test_every_check_around_a_request_is_asked(client: Clients) -> None:
    asking = client(Account("vapi", Limits()))
    asked: list[str] = []

    def named(name: str) -> Check:
        async def check() -> None:
            asked.append(name)

        return check

    with before_sending(named("outer")), before_sending(named("inner")):
        await make(asking)
    assert asked == ["outer", "inner"]


# Who goes first


async def test_who_is_more_urgent_goes_first(sandbox: SandboxServer, client: Clients) -> None:
    asking = client(Account("vapi", Limits(at_once=1)))

    async def named(urgency: Urgency) -> None:
        with urgent(urgency):
            await asking.request("make", "POST", "/assistant", json={"name": urgency.name}, creates=True)

    async with held(sandbox, asking):
        waiting = []
        for urgency in (Urgency.UNASKED, Urgency.BATCH, Urgency.LIVE):
            waiting.append(asyncio.create_task(named(urgency)))
            await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    reply = await asking.request("list", "GET", "/assistant")
    names = [row["name"] for row in sorted(reply.body, key=lambda row: row["createdAt"]) if row["name"].isupper()]
    assert names == ["LIVE", "BATCH", "UNASKED"]


async def test_who_gives_up_waiting_keeps_no_place(sandbox: SandboxServer, client: Clients) -> None:
    asking = client(Account("vapi", Limits(at_once=1)))
    async with held(sandbox, asking):
        waiting = [asyncio.create_task(make(asking)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in done] == [asyncio.CancelledError, type(None), type(None)]
    await make(asking)
    assert made(sandbox) == 3


async def test_who_is_let_in_and_gives_up_at_the_same_moment_gives_the_place_back(client: Clients) -> None:
    account = Account("vapi", Limits(at_once=1))

    async def come_in() -> None:
        async with account.turn(Role.VOICE, "look"):
            pytest.fail("it had given up")

    coming = asyncio.create_task(come_in())
    while not account.open:
        await asyncio.sleep(0)
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    assert account.open == 0
    await make(client(account))


async def test_where_no_turn_can_be_had_everybody_is_told(client: Clients) -> None:
    class Broken(OwnPace):
        async def lease(self, provider: str, limits: Limits, demand: Demand) -> Lease:
            raise ValueError("out of order")

    asking = client(Account("vapi", Limits(), Broken()))
    told = await asyncio.gather(*(make(asking) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in told] == ["out of order"] * 3


@pytest.mark.parametrize(
    ("at_once", "wanted", "shares"),
    [
        (10, [3], [3]),
        (10, [20], [10]),
        (10, [20, 20], [5, 5]),
        (10, [2, 20], [2, 8]),
        (10, [20, 0, 3], [7, 0, 3]),
        (10, [9, 9, 9], [4, 3, 3]),
        (1, [5, 5], [1, 0]),
        (3, [], []),
    ],
)
def test_places_are_shared_as_evenly_as_what_is_wanted_allows(
    at_once: int, wanted: list[int], shares: list[int]
) -> None:
    assert share(at_once, wanted) == shares
