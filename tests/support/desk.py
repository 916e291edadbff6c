"""The services at work against the sandbox, and a look at what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select, update

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.db import runs
from trunkline.db.models import Assignment, Debt, Mapping, Number, PurchaseIntent
from trunkline.db.runs import ASSIGNMENTS
from trunkline.domain.choosing import Criteria
from trunkline.domain.wishes import Wish
from trunkline.sandbox.server import environment
from trunkline.settings import Settings
from trunkline.workflows.manage_restaurant import create_restaurant, request_number
from trunkline.workflows.run import end_of
from trunkline.workflows.services import Services
from trunkline.workflows.settle_debts import work_off

PATIENCE = 600.0  # seconds, after which what is waited for in a test will not happen
SECRET = SecretStr("a-secret-of-the-tests")
QUICK: dict[str, Any] = {
    "retry_for_seconds": 1.5,
    "listing_lag_seconds": 0.3,
    "activation_seconds": 5,
    "number_cooldown_hours": 0,
    "provider_requests_per_second": 1000,
    "provider_timeout_seconds": 10,
    "shutdown_seconds": 0,
    "takeover_seconds": 3,
    "log_level": "warning",
}


def sandbox_settings(sandbox: SandboxServer, database_url: str, **changes: Any) -> Settings:
    env = {key.lower(): value for key, value in environment(sandbox.url).items()}
    values = env | QUICK | {"vapi_secret_key": SECRET, "database_url": database_url} | changes
    return given(**values)


@dataclass
class Desk:
    """Asks for numbers, and looks at what came of it: in our tables, at the carrier, in Vapi."""

    services: Services
    sandbox: SandboxServer

    async def create(self, name: str = "Roma", *, force_twilio: bool = False, **criteria: Any) -> str:
        """Create a restaurant that wants a number; its assignment's id."""
        wish = Wish.asked(Criteria.checked(**criteria), force_twilio)
        created = await create_restaurant(self.services, name, wish)
        assert created.assignment_id is not None
        return created.assignment_id

    async def again(self, restaurant_id: str, **criteria: Any) -> Assignment:
        run = await request_number(self.services, restaurant_id, Wish(Criteria.checked(**criteria)))
        return await self.end_of(run)

    async def wait(self, run_id: str) -> None:
        """For its end, however slow the machine is."""
        await self.services.engine.wait(run_id, PATIENCE)

    async def end_of(self, assignment_id: str) -> Assignment:
        """The assignment after its end."""
        assignment = await end_of(self.services, ASSIGNMENTS, assignment_id, PATIENCE)
        assert assignment.status != "running"
        return assignment

    async def assign(self, name: str = "Roma", **wish: Any) -> Assignment:
        return await self.end_of(await self.create(name, **wish))

    async def path(self, assignment: Assignment) -> list[str]:
        """The names of its steps, in order."""
        async with self.services.database.read() as session:
            return [s.name for s in (await runs.steps(session, [assignment.id]))[assignment.id]]

    async def details(self, assignment: Assignment) -> dict[str, str | None]:
        async with self.services.database.read() as session:
            steps = (await runs.steps(session, [assignment.id]))[assignment.id]
        return {s.name: s.detail for s in steps}

    async def rows(self, table: type[Any], *where: Any) -> list[Any]:
        async with self.services.database.read() as session:
            return list((await session.execute(select(table).where(*where))).scalars())

    async def mappings(self) -> list[Mapping]:
        return await self.rows(Mapping, Mapping.ended_at.is_(None))

    async def number(self, number: str | None) -> Number:
        (row,) = await self.rows(Number, Number.number == number)
        return row  # type: ignore[no-any-return]

    async def debts(self) -> list[Debt]:
        return await self.rows(Debt, Debt.settled_at.is_(None))

    async def settle(self) -> None:
        """Work off what is owed until nothing is. The services' own worker may have taken something up first: it is
        waited for."""
        while await self.debts():
            async with self.services.database.write() as session:
                await session.execute(update(Debt).values(next_try_at=Debt.created_at))
            await work_off(self.services)
            await asyncio.sleep(0.02)

    async def open_intents(self) -> list[PurchaseIntent]:
        return await self.rows(PurchaseIntent, PurchaseIntent.status == "open")

    def operations(self, after: int = 0) -> list[str]:
        return [f"{r['provider']} {r['operation']}" for r in self.sandbox.requests(after=after)]

    def seen(self) -> int:
        return len(self.sandbox.requests())


Opener = Callable[..., AbstractAsyncContextManager[Desk]]
