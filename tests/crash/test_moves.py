"""kill -9 before and after every outside call of a move, and after its one transaction: all of it or nothing."""

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
    """When the server is killed in a move: plain, with another number for who loses it (renew), of two numbers (swap),
    or of one that cools down (heir)."""

    kind: str
    provider: str
    operation: str
    when: str

    def __str__(self) -> str:
        return f"{self.kind} {self.operation} {self.when}"


BLOWS = [
    Blow("plain", "vapi", "phone_numbers.list_v2", "before"),
    Blow("swap", "vapi", "phone_numbers.list_v2", "after"),
    Blow("renew", "twilio", "incoming_numbers.create", "before"),  # the transaction is just over
    Blow("heir", "vapi", "phone_numbers.update", "before"),
    Blow("heir", "vapi", "phone_numbers.update", "after"),
]


class Yard:
    """A site whose server is killed in every cell and started again for the next: the books go on."""

    def __init__(self, site: Site, server: ServerProcess) -> None:
        self.site, self.server = site, server

    def restaurant(self, name: str, phone: bool = True) -> tuple[str, str | None]:
        made = self.server.client.post("/api/restaurants", json={"name": name, "assign_phone": phone}).json()
        number = ended(self.server, made["assignment"]["id"])["phone_number"] if phone else None
        return made["id"], number

    def go_through(self, blow: Blow) -> None:
        one, number = self.restaurant(f"{blow} one")
        two, second = self.restaurant(f"{blow} two", phone=blow.kind == "swap")
        if blow.kind == "heir":
            self.server.client.delete(f"/api/restaurants/{one}").raise_for_status()
            wait_until(lambda: not self.server.get("/api/debts")["items"])
        fault = self.site.hold(blow.provider, blow.operation, blow.when)
        move = self.begin(blow.kind, one, two, number)
        wait_until(lambda: self.site.held(fault))
        self.site.kill(self.server)
        self.site.sandbox.control.delete(f"/faults/{fault}")
        self.server = self.site.start()
        end = wait_until(lambda: self.over(move))
        assert (end["status"], end["code"]) == ("done", None), end["message"]
        books = self.site.books()
        assert books.wrongs() == []
        assert books.settled()
        homes = {m.restaurant_id: m.number for m in books.mappings}
        assert homes[two] == number
        lost = homes.get(one)
        assert {"swap": lost == second, "renew": lost not in (None, number)}.get(blow.kind, lost is None)

    def begin(self, kind: str, one: str, two: str, number: str | None) -> str:
        if kind == "swap":
            return str(self.server.post(f"/api/restaurants/{one}/swap-phone", other=two)["id"])
        return str(self.server.post(f"/api/numbers/{number}/move", to=two, new_number_for_old=kind == "renew")["id"])

    def over(self, move: str) -> dict[str, Any] | None:
        found = self.server.get(f"/api/moves/{move}")
        return found if found["status"] != "running" else None


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def yard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with ExitStack() as stack:
        site = new_site(request, request.param, tmp_path_factory.mktemp("yard"), stack)
        yield Yard(site, site.start())


@pytest.mark.parametrize("blow", BLOWS, ids=str)
def test_killed(yard: Yard, blow: Blow) -> None:
    yard.go_through(blow)


def test_two_moves_of_one_number_by_two_processes_end_in_one_home(postgres_site: Site) -> None:
    servers = [postgres_site.start(), postgres_site.start()]
    yard = Yard(postgres_site, servers[0])
    _, number = yard.restaurant("one")
    wanted = [yard.restaurant(name, phone=False)[0] for name in ("two", "three")]
    answers = [
        server.client.post(f"/api/numbers/{number}/move", json={"to": to}, headers={"Prefer": "respond-async"})
        for server, to in zip(servers, wanted, strict=True)
    ]
    assert {answer.status_code for answer in answers} <= {200, 202, 409}
    begun = [answer.json()["id"] for answer in answers if answer.status_code != 409]
    wait_until(lambda: all(yard.over(move) for move in begun))
    books = postgres_site.books()
    assert books.wrongs() == []
    assert [m.restaurant_id in wanted for m in books.mappings] == [True]
