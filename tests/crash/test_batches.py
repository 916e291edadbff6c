"""Batches whose process dies: every restaurant has one number in the end, and nothing was bought twice."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tests.crash.books import read_books
from tests.crash.conftest import Site, wait_until
from tests.support.forked import OFTEN
from tests.support.server_process import ServerProcess
from trunkline.db.addresses import driver_url
from trunkline.db.models import Batch, BatchItem

SIZE = 12
SLOW = {"provider": "*", "kind": "latency", "seconds": 0.15}


def begun(site: Site, server: ServerProcess, **bounds: Any) -> str:
    """A batch that has bought some of its numbers and waits for others, because requests are slow."""
    headers = {"Prefer": "respond-async"}
    for n in range(SIZE):
        body = {"name": f"Restaurant {n}", "assign_phone": False}
        server.client.post("/api/restaurants", json=body, headers=headers).raise_for_status()
    site.sandbox.control.post("/faults", json=SLOW).raise_for_status()
    batch_id = server.client.post("/api/batches", json=bounds).raise_for_status().json()["id"]
    wait_until(lambda: len(site.sandbox.held("twilio")) >= 3)
    return str(batch_id)


def two(site: Site, **changes: str) -> tuple[ServerProcess, ServerProcess]:
    """Two processes, the other one at work already; `changes` are the first one's."""
    first, other = site.start(**changes), site.start()
    assert other.get("/healthz")
    return first, other


def hurry(site: Site) -> None:
    """What was to happen amid a batch has happened: requests are as quick as ever."""
    site.sandbox.control.delete("/faults").raise_for_status()


def batch(server: ServerProcess, batch_id: str) -> dict[str, Any]:
    return dict(server.get(f"/api/batches/{batch_id}"))


def wait_for(server: ServerProcess, batch_id: str) -> dict[str, Any]:
    wait_until(lambda: batch(server, batch_id)["status"] == "done", 180)
    return batch(server, batch_id)


def assert_one_number_each(site: Site) -> None:
    books = site.books()
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == len(books.mappings) == SIZE


def test_a_batch_that_was_killed_goes_on(site: Site) -> None:
    first = site.start()
    batch_id = begun(site, first)
    first.kill()
    hurry(site)
    assert wait_for(site.start(), batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(site)


def test_a_batch_that_was_killed_while_it_was_written_has_the_rest_in_the_end(site: Site) -> None:
    first = site.start(PROVIDER_CONCURRENCY="1")
    batch_id = begun(site, first)
    first.kill()
    last = sa.select(sa.func.max(BatchItem.restaurant_id)).scalar_subquery()
    site.change(sa.update(Batch).values(until=last))
    site.change(sa.delete(BatchItem).where(BatchItem.status == "queued", BatchItem.seq > SIZE // 2))
    assert wait_for(site.start(), batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(site)


def test_what_a_cancelled_and_killed_batch_had_begun_is_ended(site: Site) -> None:
    first = site.start(PROVIDER_CONCURRENCY="1")
    batch_id = begun(site, first)
    assert first.client.post(f"/api/batches/{batch_id}/cancel").status_code == 200
    first.kill()
    hurry(site)
    second = site.start()
    wait_until(lambda: batch(second, batch_id)["counts"]["running"] == 0, 180)
    counts = batch(second, batch_id)["counts"]
    assert counts["assigned"] + counts["cancelled"] == SIZE
    assert counts["cancelled"] > 0
    books = site.books()
    assert books.wrongs() == []
    assert len(books.mappings) == counts["assigned"] == len(books.held["twilio"])
    assert second.client.post(f"/api/batches/{batch_id}/resume").status_code == 202
    assert wait_for(second, batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(site)


def test_sigterm_ends_what_has_begun_and_begins_no_more(site: Site) -> None:
    first = site.start(PROVIDER_CONCURRENCY="1", SHUTDOWN_SECONDS="20")
    batch_id = begun(site, first)
    assert first.stop() == 0
    left = read_books(site.sandbox, site.database_url)
    assert left.settled()
    assert left.wrongs() == []
    assert len(left.mappings) < SIZE
    hurry(site)
    assert wait_for(site.start(), batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(site)


def test_another_process_takes_a_batch_over(postgres_site: Site) -> None:
    doomed, survivor = two(postgres_site)
    batch_id = begun(postgres_site, doomed)
    doomed.kill()
    hurry(postgres_site)
    assert wait_for(survivor, batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(postgres_site)


def at_work(site: Site) -> set[str | None]:
    """The processes that work on items."""
    engine = sa.create_engine(driver_url(site.database_url, asynchronous=False))
    try:
        with engine.connect() as connection:
            query = sa.select(BatchItem.process).where(BatchItem.status == "running")
            return set(connection.execute(query).scalars())
    finally:
        engine.dispose()


def shared(site: Site, **bounds: Any) -> tuple[ServerProcess, ServerProcess, str]:
    """The process that has begun a batch, another one, and the batch, on whose items both are at work."""
    begins, helps = (site.start(PROVIDER_CONCURRENCY="1") for _ in range(2))
    assert helps.get("/healthz")
    batch_id = begun(site, begins, **bounds)
    wait_until(lambda: len(at_work(site)) == 2)
    return begins, helps, batch_id


def test_a_batch_that_is_cancelled_at_one_process_is_cancelled_at_all(postgres_site: Site) -> None:
    begins, helps, batch_id = shared(postgres_site)
    assert helps.client.post(f"/api/batches/{batch_id}/cancel").status_code == 200
    hurry(postgres_site)
    wait_until(lambda: batch(begins, batch_id)["counts"]["running"] == 0)
    counts = batch(helps, batch_id)["counts"]
    assert counts["assigned"] + counts["cancelled"] == SIZE
    assert len(postgres_site.books().held["twilio"]) == counts["assigned"] < SIZE
    assert helps.client.post(f"/api/batches/{batch_id}/resume").status_code == 202
    assert wait_for(helps, batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(postgres_site)


def test_what_a_process_has_taken_of_a_batch_is_ended_by_the_others(postgres_site: Site) -> None:
    begins, helps, batch_id = shared(postgres_site)
    helps.kill()
    hurry(postgres_site)
    assert wait_for(begins, batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(postgres_site)


def test_what_a_batch_may_buy_holds_for_two_processes_together(postgres_site: Site) -> None:
    begins, _, batch_id = shared(postgres_site, max_purchases=7)
    counts = wait_for(begins, batch_id)["counts"]
    assert (counts["assigned"], counts["unassigned"]) == (7, SIZE - 7)
    assert len(postgres_site.books().held["twilio"]) == 7


def test_a_frozen_batch_that_wakes_leaves_the_rest_to_its_heir(postgres_site: Site) -> None:
    frozen, heir = two(postgres_site)
    batch_id = begun(postgres_site, frozen)
    frozen.freeze()
    hurry(postgres_site)
    assert wait_for(heir, batch_id)["counts"]["assigned"] == SIZE
    frozen.resume()
    wait_until(lambda: "goes on in another process" in frozen.log.read_text())
    assert batch(frozen, batch_id)["counts"]["assigned"] == SIZE
    assert_one_number_each(postgres_site)


def test_nobody_else_works_on_the_items_of_a_running_batch(postgres_site: Site) -> None:
    """The other process looks for runs that nobody works on twice meanwhile."""
    worker, _ = two(postgres_site, PROVIDER_TIMEOUT_SECONDS="20")
    seconds = 2 * OFTEN["trunkline.workflows.settle_debts"]["STRAY_SECONDS"] + 1
    slow = {"provider": "twilio", "operation": "incoming_numbers.create", "kind": "latency", "seconds": seconds}
    postgres_site.sandbox.control.post("/faults", json=slow).raise_for_status()
    worker.client.post("/api/restaurants", json={"name": "Roma", "assign_phone": False}).raise_for_status()
    batch_id = worker.client.post("/api/batches", json={}).raise_for_status().json()["id"]
    assert wait_for(worker, batch_id)["counts"]["assigned"] == 1
    (assignment,) = postgres_site.books().assignments
    assert assignment.epoch == 1
