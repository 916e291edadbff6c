"""What an operator does in a day, in a real browser: batches, drift, keys, endpoints, and a server that goes away."""

from __future__ import annotations

import random
import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENT, log_in, opened
from tests.console.conftest import Shop
from tests.console.test_forms import until
from tests.support.receiver import Receiver
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import SECRET, ServerProcess

expect.set_options(timeout=PATIENT)
BATCH = 24


def test_a_batch_is_watched_cancelled_and_resumed(page: Page, shop: Shop) -> None:
    group = uuid.uuid4().hex[:6]
    rows = [{"name": f"Kette {group} {n}"} for n in range(BATCH)]
    shop.app.client.post("/api/restaurants/bulk", json={"rows": rows, "assign_phone": False}).raise_for_status()
    hold = shop.sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="hold", skip=5)
    page.goto("/console/batches/new")
    page.get_by_label("Only those whose name has").fill(group)
    page.get_by_role("button", name="Plan it").click()
    page.get_by_role("button", name=f"Start: {BATCH} restaurants").click()
    progress = page.locator("#progress")
    expect(progress).to_contain_text(re.compile(rf"\b[1-9] of {BATCH} are done"))  # grows without a reload
    page.get_by_role("link", name="Cancel it").click()
    page.get_by_label("Reason").fill("too many")
    page.get_by_role("button", name="Cancel it").click()
    expect(progress).to_contain_text("cancelled")
    shop.sandbox.control.delete(f"/faults/{hold}")
    page.get_by_role("link", name="Go on with it").click()
    page.get_by_role("button", name="Go on").click()
    expect(progress).to_contain_text(f"{BATCH} of {BATCH} are done")
    expect(progress).to_contain_text("assigned")


def test_drift_is_planned_applied_and_gone(page: Page, shop: Shop) -> None:
    shop.restaurant()
    shop.sandbox.control.post("/drift", json={"kinds": ["missing_in_vapi"], "changes": 1}).raise_for_status()
    page.get_by_role("link", name="Reconcile").click()
    page.get_by_role("link", name="Make a plan").first.click()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("ins", has_text="import it again").first).to_be_visible()
    page.get_by_role("link", name="Apply: ").click()
    page.get_by_label("Reason").fill("a console was touched")
    page.get_by_role("button", name="Apply ").click()
    expect(page.locator("#progress")).to_contain_text("done")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile("[1-9]"))
    expect(page.get_by_text("a console was touched")).to_be_visible()
    page.goto("/console/reconcile/new")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("ins", has_text="import it again")).to_have_count(0)


def test_a_key_is_made_used_and_may_no_more_than_it_says(page: Page, shop: Shop, browser: Browser) -> None:
    name = f"till {uuid.uuid4().hex[:6]}"
    page.get_by_role("link", name="Keys").click()
    page.get_by_role("link", name="New key").click()
    page.get_by_label("For whom, or for what").fill(name)
    page.get_by_label(re.compile("numbers:read")).check()
    page.get_by_role("button", name="Make it").click()
    key = page.locator("pre").inner_text()
    with opened(browser, shop.app.url) as till:
        log_in(till, key)
        expect(till.get_by_role("link", name="Numbers")).to_be_visible()
        expect(till.get_by_role("link", name="Keys")).to_have_count(0)
        till.goto("/console/keys")
        expect(till.get_by_role("alert")).to_contain_text("has not the scope")
        page.goto("/console/keys")
        page.get_by_role("link", name=f"Revoke {name}").click()
        page.get_by_role("button", name="Revoke it").click()
        till.goto("/console/numbers")
        expect(till.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.fixture
def receiver(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(shop.app.app.state.services.settings, "endpoints_allow_private", True)
    with Receiver() as opened_receiver:
        yield opened_receiver
        for one in shop.api("/api/endpoints")["items"]:
            shop.app.client.delete(f"/api/endpoints/{one['id']}").raise_for_status()


def test_an_endpoint_is_added_and_its_events_can_be_sent_again(page: Page, shop: Shop, receiver: Receiver) -> None:
    page.get_by_role("link", name="Endpoints").click()
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("Address", exact=True).fill("somewhere")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#url-fault")).to_be_visible()
    page.get_by_label("Address", exact=True).fill(receiver.url)
    page.get_by_label(re.compile("restaurant.created")).check()
    page.get_by_role("button", name="Add it").click()
    secret = page.locator("pre").inner_text()
    page.get_by_role("link", name="I have copied it").click()
    restaurant = shop.restaurant(assign_phone=False)["id"]
    sent = f"/api/endpoints/{urlsplit(page.url).path.split('/')[-1]}/deliveries?status=delivered"
    until(lambda: shop.api(sent)["items"])
    (got,) = receiver.about(restaurant)
    assert got.verified_by(secret)
    page.reload()
    page.get_by_role("button", name=f"Send again: {got.id}").click()
    until(lambda: [len(one["attempts"]) for one in shop.api(sent)["items"]] == [2])
    page.reload()
    expect(page.locator("tr", has_text="delivered").locator("strong")).to_have_text(["200", "200"])
    page.get_by_role("link", name="Disable it").click()
    page.get_by_role("button", name="Disable it").click()
    expect(page.get_by_text("a person has disabled it")).to_be_visible()


def test_what_happens_meanwhile_is_counted_and_moves_nothing(page: Page, shop: Shop) -> None:
    page.goto("/console/restaurants")
    rows = page.locator("tbody tr")
    before = rows.count()
    shop.restaurant(assign_phone=False)
    shop.restaurant(assign_phone=False)
    news = page.get_by_role("link", name="2 new")
    expect(news).to_be_visible()
    assert rows.count() == before
    news.click()
    expect(page.get_by_role("link", name="2 new")).to_have_count(0)


def free_port() -> int:
    """One that no connection of another test gets while the server is away."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


def test_an_open_page_goes_on_when_the_server_is_back(browser: Browser, migrated_sqlite: Path, tmp_path: Path) -> None:
    file = shutil.copy(migrated_sqlite, tmp_path / "trunkline.sqlite")
    port = free_port()
    with SandboxServer() as sandbox:
        first = ServerProcess(sandbox, f"sqlite:///{file}", tmp_path / "first.log", port)
        with first:
            url = str(first.client.base_url).rstrip("/")
            made = first.client.post("/api/restaurants", json={"name": "Da Ugo", "assign_phone": False}).json()
            context = browser.new_context(base_url=url)
            context.set_default_timeout(PATIENT)
            page = context.new_page()
            log_in(page, SECRET)
            with page.expect_response(re.compile("/console/live")):  # it follows what happens
                page.goto(f"/console/restaurants/{made['id']}")
            expect(page.get_by_text("It has no number.")).to_be_visible()
        with ServerProcess(sandbox, f"sqlite:///{file}", tmp_path / "second.log", port) as second:
            second.client.post(f"/api/restaurants/{made['id']}/phone").raise_for_status()
            # Nobody has reloaded it, and nobody has logged in again.
            expect(page.locator("#story .chart g.done", has_text="in service")).to_have_count(1)
            context.close()
