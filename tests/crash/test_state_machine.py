"""Any order of create, ask, delete, switch, trial and upgrade, fault and restart keeps the invariants."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.crash.books import Books, read_books
from tests.support.desk import Desk, sandbox_settings
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.sqlite import copied
from trunkline.bootstrap import running_services
from trunkline.errors import Conflict
from trunkline.sandbox import twilio
from trunkline.workflows.manage_restaurant import activate_phone, delete_restaurant
from trunkline.workflows.release_number import request_release
from trunkline.workflows.settle_debts import work_off

OPERATIONS = [  # all but what the books are read by
    {"provider": "twilio", "operation": "incoming_numbers.*"},
    {"provider": "twilio", "operation": "available_numbers.*"},
    {"provider": "vapi", "operation": "phone_numbers.[cud]*"},
    {"provider": "vapi", "operation": "phone_numbers.list_v2"},
]
FAULTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["drop", "status"]),
        "when": st.sampled_from(["before", "after"]),
        "times": st.integers(1, 3),
        "status": st.sampled_from([500, 503]),
    }
)


class Operation(RuleBasedStateMachine):
    """The services on one database, with everything that may be done to them; `site` is set for each database."""

    sandbox: SandboxServer
    new_database: Any

    def __init__(self) -> None:
        super().__init__()
        self.sandbox.reset()
        balance = {"balance": "100000"}
        self.sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json=balance).raise_for_status()
        self.runner = asyncio.Runner()
        self.url: str = self.new_database()
        self.restaurants: list[str] = []
        self._open()

    def _open(self) -> None:
        self.stack = AsyncExitStack()
        changes = {"retry_for_seconds": 0.3, "listing_lag_seconds": 0.1}
        services = self.runner.run(
            self.stack.enter_async_context(running_services(sandbox_settings(self.sandbox, self.url, **changes)))
        )
        self.desk = Desk(services, self.sandbox)

    def books(self) -> Books:
        return read_books(self.sandbox, self.url)

    @rule(force=st.booleans())
    def create(self, force: bool) -> None:
        assignment = self.runner.run(self.desk.assign(f"Restaurant {len(self.restaurants)}", force_twilio=force))
        self.restaurants.append(assignment.restaurant_id)

    @precondition(lambda self: self.restaurants)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        self._allowing_conflict(self.desk.again(data.draw(st.sampled_from(self.restaurants))))

    @precondition(lambda self: self.restaurants)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        restaurant = data.draw(st.sampled_from(self.restaurants))
        if self._allowing_conflict(delete_restaurant(self.desk.services, restaurant)):
            self.restaurants.remove(restaurant)

    @precondition(lambda self: self.restaurants)
    @rule(data=st.data())
    def activate(self, data: st.DataObject) -> None:
        self._allowing_conflict(activate_phone(self.desk.services, data.draw(st.sampled_from(self.restaurants))))

    @precondition(lambda self: self.restaurants)
    @rule(data=st.data(), give_back=st.booleans(), force=st.booleans())
    def release(self, data: st.DataObject, give_back: bool, force: bool) -> None:
        numbers = sorted(n for n, row in self.books().numbers.items() if row.state in ("idle", "in_service"))
        if numbers:
            number = data.draw(st.sampled_from(numbers))
            work = request_release(self.desk.services, number, give_back=give_back, force=force)
            self._allowing_conflict(self._release(work))

    async def _release(self, work: Any) -> None:
        await self.desk.wait(await work)

    @rule(trial=st.booleans())
    def change_account(self, trial: bool) -> None:
        path = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
        self.sandbox.control.put(path, json={"trial": trial}).raise_for_status()

    @rule(where=st.sampled_from(OPERATIONS), fault=FAULTS)
    def arm(self, where: dict[str, str], fault: dict[str, Any]) -> None:
        self.sandbox.fault(**where, **fault)

    @rule()
    def clear_faults(self) -> None:
        self.sandbox.control.delete("/faults")

    @rule()
    def restart(self) -> None:
        self.runner.run(self.stack.aclose())
        self._open()

    @rule()
    def settle(self) -> None:
        self.runner.run(work_off(self.desk.services))

    def _allowing_conflict(self, work: Any) -> bool:
        """Refused is fine, half done is not: the invariants judge."""
        try:
            self.runner.run(work)
        except Conflict:
            return False
        return True

    @invariant()
    def books_balance(self) -> None:
        assert self.books().wrongs() == []

    def teardown(self) -> None:
        self.sandbox.control.delete("/faults")
        try:
            self.runner.run(self._all_settled())
            books = self.books()
            assert books.wrongs() == []
            assert books.settled()
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    async def _all_settled(self) -> None:
        for _ in range(1200):
            if self.books().settled():
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_any_order_of_events_keeps_the_books_balanced(
    kind: str, sandbox: SandboxServer, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    def new_database() -> str:
        if kind == "sqlite":
            folder = tempfile.mkdtemp(dir=tmp_path)
            return copied(request.getfixturevalue("migrated_sqlite"), Path(folder))
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.fresh_database()

    machine = type("OperationOn", (Operation,), {"sandbox": sandbox, "new_database": staticmethod(new_database)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes seconds: no shrinking
            suppress_health_check=list(HealthCheck),
        ),
    )
