"""Many requests at once, and several processes on one database."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from tests.crash.books import read_books
from tests.crash.conftest import Site, ended, wait_until
from tests.crash.scenarios import import_number, vapi_client
from tests.support.desk import Desk
from tests.support.server_process import SECRET
from trunkline.sandbox import twilio

pytestmark = pytest.mark.anyio


def stock(site_sandbox: object, idle: int, for_sale: int) -> None:
    """Idle numbers in Vapi, and so many for sale, nothing else."""
    control = site_sandbox.control  # type: ignore[attr-defined]
    control.delete("/numbers", params={"carrier": "twilio"})
    account = twilio.DEFAULT_ACCOUNT
    held = [{"carrier": "twilio", "number": f"+1415555{n:04}", "account": account} for n in range(idle)]
    offered = [{"carrier": "twilio", "number": f"+1212555{n:04}"} for n in range(for_sale)]
    control.post("/numbers", json=held + offered).raise_for_status()
    for number in held:
        import_number(site_sandbox, number["number"])  # type: ignore[arg-type]


async def test_fifty_requests_at_once_share_ten_idle_numbers_and_a_stock_of_forty(
    desk: Desk, database_url: str
) -> None:
    stock(desk.sandbox, idle=10, for_sale=40)
    runs = await asyncio.gather(*(desk.create(f"Restaurant {n}") for n in range(50)))
    ends = [await desk.end_of(run) for run in runs]
    assert Counter((a.status, a.source) for a in ends) == {("assigned", "existing"): 10, ("assigned", "purchased"): 40}
    assert len({a.number for a in ends}) == 50
    books = read_books(desk.sandbox, database_url)
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == 50


async def test_one_key_twenty_times_at_once_is_one_restaurant(site: Site) -> None:
    server = site.start()
    url = str(server.client.base_url)
    headers = {"X-Vapi-Secret": SECRET, "Idempotency-Key": "the-same"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=90) as client:
        answers = await asyncio.gather(*(client.post("/api/restaurants", json={"name": "Roma"}) for _ in range(20)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert len([a for a in answers if a.json()["api_key"]]) == 1
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == 1


async def test_two_processes_never_give_one_number_twice(postgres_site: Site) -> None:
    site = postgres_site
    servers = [site.start(), site.start()]
    stock(site.sandbox, idle=6, for_sale=14)
    asked = [(servers[n % 2], n) for n in range(20)]
    made = [server.post("/api/restaurants", name=f"Restaurant {n}")["assignment"]["id"] for server, n in asked]
    results = [ended(servers[0], run) for run in made]
    assert Counter(r["status"] for r in results) == {"assigned": 20}
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == len(books.mappings) == 20


async def test_a_second_process_on_an_sqlite_file_is_refused(site: Site, tmp_path: Path) -> None:
    if not site.database_url.startswith("sqlite"):
        return  # several processes are what PostgreSQL is for, and the other tests show them
    first = site.start()
    assert first.get("/healthz")
    second = site.start()
    assert second.process.wait(60) == 2
    said = second.log.read_text()
    assert f"process {first.process.pid}" in said
    assert "Traceback" not in said


async def test_a_dead_process_s_work_is_taken_over(postgres_site: Site) -> None:
    site = postgres_site
    doomed, survivor = site.start(), site.start()
    assert survivor.get("/healthz")
    fault = site.hold("twilio", "incoming_numbers.create", "after")
    made = [doomed.post("/api/restaurants", name=f"Restaurant {n}")["assignment"]["id"] for n in range(5)]
    wait_until(lambda: site.held(fault))
    doomed.kill()
    site.sandbox.control.delete(f"/faults/{fault}")
    assert {ended(survivor, run)["status"] for run in made} == {"assigned"}
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == 5


async def test_a_whole_fleet_that_died_is_replaced_by_new_processes(postgres_site: Site) -> None:
    site = postgres_site
    fleet = [site.start(), site.start()]
    fault = site.hold("vapi", "phone_numbers.create", "before")
    made = [s.post("/api/restaurants", name="Roma")["assignment"]["id"] for s in fleet]
    wait_until(lambda: site.held(fault))
    for server in fleet:
        server.kill()
    site.sandbox.control.delete(f"/faults/{fault}")
    heir = site.start()
    assert {ended(heir, run)["status"] for run in made} == {"assigned"}
    assert site.books().wrongs() == []


@pytest.mark.parametrize("operation", ["incoming_numbers.create", "available_numbers.search"])
async def test_a_frozen_process_that_wakes_does_no_harm(postgres_site: Site, operation: str) -> None:
    site = postgres_site
    frozen, other = site.start(), site.start()
    assert other.get("/healthz")
    fault = site.hold("twilio", operation, "after")
    run = frozen.post("/api/restaurants", name="Roma")["assignment"]["id"]
    wait_until(lambda: site.held(fault))
    frozen.freeze()
    site.sandbox.control.delete(f"/faults/{fault}")
    assert ended(other, run)["status"] == "assigned"
    frozen.resume()
    # the woken process answers again, and its run of the assignment has met its end
    wait_until(lambda: "goes on in another process" in frozen.log.read_text())
    assert frozen.get(f"/api/assignments/{run}")["status"] == "assigned"
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == len(books.mappings) == 1


async def test_a_frozen_detachment_that_wakes_leaves_the_new_tenant_connected(postgres_site: Site) -> None:
    """The process asked Vapi to detach a number and was frozen; Vapi was slow, and did it only when another process had
    detached the number and had given it to another restaurant."""
    site = postgres_site
    frozen = site.start()
    made = frozen.post("/api/restaurants", name="Roma")
    number = ended(frozen, made["assignment"]["id"])["phone_number"]
    fault = site.hold("vapi", "phone_numbers.update", "before")
    frozen.client.delete(f"/api/restaurants/{made['id']}").raise_for_status()
    wait_until(lambda: site.held(fault))
    frozen.freeze()
    slow = site.sandbox.requests(operation="phone_numbers.update")[-1]
    assert slow["fault"] == "hold:before"
    other = site.start()
    wait_until(lambda: not other.get("/api/debts")["items"])
    heir = ended(other, other.post("/api/restaurants", name="Napoli")["assignment"]["id"])
    assert (heir["phone_number"], heir["source"]) == (number, "existing")
    assert site.books().wrongs() == []
    with vapi_client(site.sandbox) as late:
        late.request(slow["method"], slow["path"], json=json.loads(slow["body"])).raise_for_status()
    assert site.books().wrongs() == [f"{number} is mapped and not connected"]
    frozen.resume()
    wait_until(lambda: site.books().wrongs() == [])
    assert [m.restaurant_id for m in site.books().mappings] == [heir["restaurant_id"]]


async def test_sigterm_lets_running_work_end(site: Site) -> None:
    server = site.start(SHUTDOWN_SECONDS="10")
    site.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.6)
    run = server.post("/api/restaurants", name="Roma")["assignment"]["id"]
    assert server.stop() == 0
    books = site.books(seconds=1)
    assert [(a.id, a.status) for a in books.assignments] == [(run, "assigned")]
    assert books.wrongs() == []


async def test_sigterm_hands_over_what_does_not_end_in_time(site: Site) -> None:
    server = site.start(SHUTDOWN_SECONDS="0")
    fault = site.hold("twilio", "incoming_numbers.create", "after")
    run = server.post("/api/restaurants", name="Roma")["assignment"]["id"]
    wait_until(lambda: site.held(fault))
    assert server.stop() == 0
    site.sandbox.control.delete(f"/faults/{fault}")
    assert ended(site.start(), run)["status"] == "assigned"
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == 1
