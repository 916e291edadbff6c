"""Every pair of operations at once on one PostgreSQL, by two processes: either order is fine, half of one is not."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.crash.books import Books
from tests.crash.conftest import Site, new_site
from tests.crash.scenarios import import_number, vapi_client
from tests.support.server_process import ServerProcess
from trunkline.sandbox import twilio

ABOUT_A_NUMBER = ("activate", "delete", "share", "release", "give_back", "repoint", "settle")
OPERATIONS = (*ABOUT_A_NUMBER, "phone", "batch", "cancel", "create", "release_idle")
# What needs an idle number or a debt of its own is played against what may want the same number.
ONLY_WITH = {
    "release_idle": ("create", "phone", "batch", "release_idle"),
    "settle": ("activate", "give_back", "release", "create", "repoint"),
}
# Of two alike exactly one is accepted, whichever is first; the other ones may follow each other, or are one for both.
ONE_OF = ("delete", "phone", "share", "give_back", "release_idle", "cancel")
DEAR = {"area_code": "305"}  # of which none is idle, and nobody buys one by chance
SLOW = [
    {"provider": "twilio", "operation": "*.create", "kind": "latency", "seconds": 0.1},
    {"provider": "vapi", "operation": "phone_numbers.*", "kind": "latency", "seconds": 0.03},
]


@dataclass
class World:
    """What one pair is about: a number that `owner` has and `sharer` shares (the sharer gets its calls), `waiting`
    restaurants without a number, a number that is `idle`, a batch that runs. Only what the pair needs is there."""

    site: Site
    servers: tuple[ServerProcess, ServerProcess]
    pair: tuple[str, str]
    name: str
    owner: str = ""
    sharer: str = ""
    number: str = ""
    waiting: list[str] = field(default_factory=list)
    idle: str = ""
    batch: str = ""

    def has(self, *operations: str) -> bool:
        return any(operation in operations for operation in self.pair)

    def set_up(self) -> None:
        self.trial(False)
        if self.has("release_idle"):
            self.site.books()  # else a run of another world would take it
            self.idle = f"+1415556{self.name[-4:]}"
            number = {"carrier": "twilio", "number": self.idle, "account": twilio.DEFAULT_ACCOUNT}
            self.site.sandbox.control.post("/numbers", json=number).raise_for_status()
            import_number(self.site.sandbox, self.idle)
            self.ask(0, "POST", f"/api/numbers/{self.idle}/import", {}).raise_for_status()
        if self.has(*ABOUT_A_NUMBER):
            made = self.ask(0, "POST", "/api/restaurants", {"name": f"{self.name} owner"}, wait=True).json()
            self.owner, self.number = made["id"], made["phone_number"]
            if self.has("activate"):
                self.share_it()
        if self.has("phone", "share", "batch", "cancel"):
            for n in range(2):
                body = {"name": f"{self.name} waiting {n}", "assign_phone": False}
                self.waiting.append(self.ask(0, "POST", "/api/restaurants", body).json()["id"])
        if self.has("repoint"):
            self.site.books()  # else the run of another world, of which there is one at a time, would not see it
            self.mislead()
        self.trial(self.has("share"))

    def share_it(self) -> None:
        """The newest number is shared, which another world's run may just have put in service, or given up: then
        there is nobody to share with."""
        self.trial(True)
        made: dict[str, Any] = {"shared_with": []}
        for n in range(5):
            if not made["shared_with"]:
                body = {"name": f"{self.name} sharer {n}", **DEAR}
                made = self.ask(0, "POST", "/api/restaurants", body, wait=True).json()
        self.sharer, self.number = made["id"], made["phone_number"]
        self.owner = made["shared_with"][0]["id"]

    def mislead(self) -> None:
        """Somebody has taken the number off the assistant in Vapi."""
        with vapi_client(self.site.sandbox) as client:
            (record,) = [r for r in client.get("/phone-number").json() if r["number"] == self.number]
            client.patch(f"/phone-number/{record['id']}", json={"assistantId": None}).raise_for_status()

    def trial(self, on: bool) -> None:
        path = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
        self.site.sandbox.control.put(path, json={"trial": on, "balance": "100000"}).raise_for_status()

    def ask(self, server: int, method: str, path: str, body: Any = None, wait: bool = False) -> httpx2.Response:
        headers = {} if wait else {"Prefer": "respond-async"}
        return self.servers[server].client.request(method, path, json=body, headers=headers)

    def subject(self) -> str:
        """Whom a deletion is about: whoever the other operation is about."""
        if self.has("phone", "batch", "cancel"):
            return self.waiting[0]
        return self.sharer if self.has("activate") else self.owner

    def do(self, operation: str, server: int) -> httpx2.Response:
        match operation:
            case "create":
                key = {"Prefer": "respond-async", "Idempotency-Key": self.name}
                body = {"name": f"{self.name} new"}
                return self.servers[server].client.post("/api/restaurants", json=body, headers=key)
            case "phone" | "share":
                wish = DEAR if operation == "share" else {}
                return self.ask(server, "POST", f"/api/restaurants/{self.waiting[0]}/phone", wish)
            case "activate":
                return self.ask(server, "POST", f"/api/restaurants/{self.sharer}/activate-phone")
            case "delete":
                return self.ask(server, "DELETE", f"/api/restaurants/{self.subject()}")
            case "settle":  # its number is owed its detachment, which both processes see
                return self.ask(server, "DELETE", f"/api/restaurants/{self.owner}")
            case "release" | "give_back":
                given = {"give_back": operation == "give_back", "force": True}
                return self.ask(server, "POST", f"/api/numbers/{self.number}/release", given)
            case "release_idle":
                return self.ask(server, "POST", f"/api/numbers/{self.idle}/release", {"give_back": True})
            case "batch":
                return self.ask(server, "POST", "/api/batches", {"search": f"{self.name} waiting"})
            case "cancel":
                return self.ask(server, "POST", f"/api/batches/{self.batch}/cancel")
            case _:
                return self.ask(server, "POST", "/api/numbers/repoint")

    def play(self) -> list[httpx2.Response]:
        """Both at the same moment, each at a process of its own."""
        answers: list[Any] = [None, None]
        if self.has("cancel"):
            self.batch = self.ask(0, "POST", "/api/batches", {"search": f"{self.name} waiting"}).json()["id"]
        together = threading.Barrier(2)

        def one(place: int) -> None:
            together.wait(60)
            answers[place] = self.do(self.pair[place], place)

        threads = [threading.Thread(target=one, args=(place,)) for place in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return answers


def wrongs(world: World, answers: list[httpx2.Response], books: Books) -> Iterator[str]:
    """What neither order of the two would have brought about."""
    accepted = [op for op, answer in zip(world.pair, answers, strict=True) if answer.status_code < 300]
    told = {f"{op} {a.status_code} {a.text[:200]}" for op, a in zip(world.pair, answers, strict=True)}
    if any(a.status_code >= 300 and a.status_code not in (404, 409, 422) for a in answers) or not accepted:
        yield f"answered {told}"
    first, second = world.pair
    if first == second and first in ONE_OF and len(accepted) != 1:
        yield f"{len(accepted)} of two were accepted: {told}"
    if first == second == "create" and len({a.json().get("id") for a in answers}) != 1:
        yield "one key made two restaurants"
    served = {(m.restaurant_id, m.number) for m in books.mappings}
    before = {(restaurant, world.number) for restaurant in (world.owner, world.sharer)}
    if {"release", "give_back"}.intersection(accepted) and before & served:
        yield "the number was released and serves whom it served"
    if "delete" in accepted and world.subject() not in books.deleted:
        yield "the restaurant was deleted and is there"


class Town:
    """Two processes on one PostgreSQL, on which one world after the other is made."""

    def __init__(self, site: Site) -> None:
        self.site, self.servers = site, (site.start(), site.start())
        self._names = (f"World {n:04}" for n in itertools.count())

    def play(self, pair: tuple[str, str]) -> tuple[World, list[httpx2.Response]]:
        world = World(self.site, self.servers, pair, next(self._names))
        world.set_up()
        for rule in SLOW:
            self.site.sandbox.fault(**rule)
        answers = world.play()
        self.site.sandbox.control.delete("/faults")
        return world, answers


@pytest.fixture(scope="module")
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ExitStack() as stack:
        site = new_site(request, "postgresql", tmp_path_factory.mktemp("pairs"), stack)
        stock: list[dict[str, str]] = [{"carrier": "twilio", "number": f"+1646557{n:04}"} for n in range(300)]
        stock += [{"carrier": "twilio", "number": f"+1305557{n:04}", "price": "9.00"} for n in range(9)]
        site.sandbox.control.post("/numbers", json=stock).raise_for_status()
        yield Town(site)


def partners(first: str) -> list[str]:
    """With whom it is played, so that each pair is played once."""
    later = OPERATIONS[OPERATIONS.index(first) :]
    return [
        second
        for second in later
        if first in ONLY_WITH.get(second, (first,)) and second in ONLY_WITH.get(first, (second,))
    ]


@pytest.mark.parametrize("first", OPERATIONS)
def test_of_two_at_once_each_happened_or_did_not(town: Town, first: str) -> None:
    played = [town.play((first, second)) for second in partners(first)]
    books = town.site.books()
    assert books.settled(), books.debts
    assert books.wrongs() == []
    found = [f"{world.pair}: {wrong}" for world, answers in played for wrong in wrongs(world, answers, books)]
    assert found == []
