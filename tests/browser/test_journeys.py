"""What people do at the console, in a real browser."""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENT
from tests.console.conftest import Shop

expect.set_options(timeout=PATIENT)


def test_a_wrong_key_is_refused_and_a_link_lets_in_once(visit: Page, shop: Shop) -> None:
    visit.goto("/console/numbers")
    visit.get_by_label("Key, or X-Vapi-Secret").fill("no-key-of-anybody")
    visit.get_by_role("button", name="Log in").click()
    expect(visit.get_by_text("this opens nothing")).to_be_visible()
    expect(visit.get_by_label("Key, or X-Vapi-Secret")).to_have_value("")
    visit.goto(f"/console/enter/{shop.app.app.state.entrance.new_link()}")
    expect(visit.get_by_role("heading", name="Today")).to_be_visible()
    visit.get_by_role("button", name="Log out").click()
    visit.goto("/console/numbers")
    expect(visit.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_first_number_lights_up_its_way_through_the_chart(page: Page, shop: Shop) -> None:
    shop.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=2)
    page.get_by_role("link", name="Restaurants").click()
    page.get_by_role("link", name="New restaurant").click()
    name = f"Trattoria {uuid.uuid4().hex[:6]}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=f"The key of {name}")).to_be_visible()
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    # It is followed without a reload, until it rests.
    expect(page.locator("#story .chart g.done", has_text="in service")).to_have_count(1)
    expect(page.locator("#story")).not_to_contain_text("It is under way")
    expect(page.locator("#story a.number")).to_be_visible()
    shop.sandbox.control.delete("/faults")


def test_times_are_local_with_utc_on_hover_and_a_slash_leads_to_the_search_box(page: Page, shop: Shop) -> None:
    number = shop.restaurant()["phone_number"]
    page.goto("/console/numbers")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type(f"({number[2:5]}) {number[5:8]} {number[8:]}")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(number)))
    bought = page.locator("dt:has-text('Bought') + dd time").first
    expect(bought).to_have_attribute("title", re.compile(r" UTC$"))
    utc = (bought.get_attribute("title") or "").split()[1][:2]
    shown = re.findall(r"\b(\d\d):\d\d:\d\d", bought.inner_text())
    assert shown != [utc]
    expect(page.get_by_role("heading", name="In Vapi, just now")).to_be_visible()  # asked while the page is there


def test_two_clicks_and_a_step_back_buy_once(page: Page, shop: Shop) -> None:
    before = shop.bought()
    page.get_by_role("link", name="Search and buy").click()
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("link", name="Look at the price of").first.click()
    page.get_by_role("button", name="Buy it for").dblclick()
    expect(page.get_by_text("It serves nobody.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("is ours already")
    assert shop.bought() == before + 1


def test_a_batch_is_watched_to_its_end(page: Page, shop: Shop) -> None:
    group = uuid.uuid4().hex[:6]
    for n in range(4):
        body = {"name": f"Kette {group} {n}", "assign_phone": False}
        shop.app.client.post("/api/restaurants", json=body).raise_for_status()
    page.goto("/console/batches/new")
    page.get_by_label("Only those whose name has").fill(group)
    page.get_by_role("button", name="Plan it").click()
    page.get_by_role("button", name="Start: 4 restaurants").click()
    expect(page.locator("#progress")).to_contain_text("4 of 4 are done")
    expect(page.locator("#progress")).not_to_have_attribute("hx-get", re.compile("."))
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "4")
