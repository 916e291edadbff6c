"""kill -9 before and after the outside calls of a plan that is carried out: it ends where it was to end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.crash.conftest import Site, ended, new_site, wait_until
from tests.support.server_process import ServerProcess


@dataclass(frozen=True)
class Blow:
    """What had drifted, and at which call of its change the server is killed."""

    kind: str
    provider: str
    operation: str
    when: str

    def __str__(self) -> str:
        return f"{self.kind} {self.operation} {self.when}"


BLOWS = [
    Blow("missing_in_vapi", "vapi", "phone_numbers.create", "before"),
    Blow("missing_in_vapi", "vapi", "phone_numbers.create", "after"),
    Blow("twice_in_vapi", "vapi", "phone_numbers.delete", "after"),
    Blow("webhook_drifted", "twilio", "incoming_numbers.update", "before"),
    Blow("webhook_drifted", "vapi", "phone_numbers.delete", "after"),
    Blow("orphan", "twilio", "incoming_numbers.delete", "before"),
    Blow("orphan", "twilio", "incoming_numbers.delete", "after"),
]


class Yard:
    """A site whose server is killed in every cell and started again for the next: the books go on."""

    def __init__(self, site: Site, server: ServerProcess) -> None:
        self.site, self.server = site, server
        made = server.post("/api/restaurants", name="one")
        ended(server, made["assignment"]["id"])

    def go_through(self, blow: Blow) -> None:
        asked = {"kinds": [blow.kind], "changes": 1}
        made = self.server.post("/api/restaurants", name=str(blow))
        ended(self.server, made["assignment"]["id"])
        (drifted,) = self.site.sandbox.control.post("/drift", json=asked).raise_for_status().json()
        plan = self.plan()
        assert plan["changes"] == 1, drifted
        fault = self.site.hold(blow.provider, blow.operation, blow.when)
        confirm = self.site.books(seconds=0).installation
        yes = {"checksum": plan["checksum"], "release": True, "confirm": confirm}
        run = self.server.post(f"/api/reconcile/plans/{plan['id']}/apply", **yes)["id"]
        wait_until(lambda: self.site.held(fault))
        self.server.kill()
        self.site.sandbox.control.delete(f"/faults/{fault}")
        self.server = self.site.start()
        wait_until(lambda: self.over(run))
        (item,) = self.server.get(f"/api/reconcile/applies/{run}/items")["items"]
        assert item["status"] == "done", item["message"]
        books = self.site.books()
        assert books.wrongs() == []
        assert books.settled()
        assert self.plan()["changes"] == 0

    def plan(self) -> dict[str, Any]:
        made = self.server.client.post("/api/reconcile/plans", json={"release": True}).raise_for_status()
        return dict(made.json())

    def over(self, run: str) -> dict[str, Any] | None:
        found = self.server.get(f"/api/reconcile/applies/{run}")
        return found if found["status"] == "done" else None


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def yard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with ExitStack() as stack:
        site = new_site(request, request.param, tmp_path_factory.mktemp("yard"), stack)
        yield Yard(site, site.start())


@pytest.mark.parametrize("blow", BLOWS, ids=str)
def test_killed(yard: Yard, blow: Blow) -> None:
    yard.go_through(blow)
