"""kill -9 of the real process before and after every outside call: nothing is bought twice or lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.crash.conftest import Site, ended, new_site, wait_until
from tests.crash.scenarios import ALL_CARRIERS, CALLS, Call, prepare
from tests.support.server_process import ServerProcess


class Shift:
    """A site whose server is killed in every cell, and started again for the next: the books go on."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.server: ServerProcess = self._start()
        self.expected_held: Counter[str] = Counter()
        self.expected_mapped = 0

    def go_through(self, call: Call, when: str) -> None:
        site = self.site
        prepare(site.sandbox, call.scenario)
        if call.scenario == "detached":
            self._detach_one()
        if call.step == "get_credential":  # asked once in the life of a process
            self.site.kill(self.server)
            self.server = self._start()
        fault = site.hold(call.provider, call.operation, when)
        assignment = self.server.post("/api/restaurants", name=str(call), **call.wish)["assignment"]["id"]
        wait_until(lambda: site.held(fault))
        self.site.kill(self.server)
        site.sandbox.control.delete(f"/faults/{fault}")
        self.server = self._start()
        result = ended(self.server, assignment)
        assert result["status"] == "assigned", (result["reason"], result["message"])
        self.expected_held[call.carrier] += call.scenario not in ("detached", "trial")
        self.expected_mapped += 1

    def _detach_one(self) -> None:
        """A number of ours in Vapi that serves nobody."""
        made = self.server.post("/api/restaurants", name="Before", force_twilio=True)
        ended(self.server, made["assignment"]["id"])
        self.server.client.delete(f"/api/restaurants/{made['id']}").raise_for_status()
        wait_until(lambda: not self.server.get("/api/debts")["items"])
        self.expected_held["twilio"] += 1

    def _start(self) -> ServerProcess:
        return self.site.start(CARRIERS=",".join(ALL_CARRIERS), ACTIVATION_SECONDS="20")

    def check(self) -> None:
        books = self.site.books()
        assert books.wrongs() == []
        assert books.settled()
        assert {name: len(numbers) for name, numbers in books.held.items() if numbers} == +self.expected_held
        assert len(books.in_vapi) == self.expected_held.total()
        assert len(books.mappings) == self.expected_mapped


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shift(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shift]:
    with ExitStack() as stack:
        yield Shift(new_site(request, request.param, tmp_path_factory.mktemp("shift"), stack))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_killed(shift: Shift, call: Call, when: str) -> None:
    shift.go_through(call, when)
    shift.check()
