"""What becomes of numbers at the console, in a real browser: refused and mended, shared, moved, given back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENT, log_in
from tests.console.conftest import Shop
from trunkline.sandbox import twilio

expect.set_options(timeout=PATIENT)


@pytest.fixture(autouse=True)
def as_it_was(shop: Shop) -> Iterator[None]:
    """Each ends with an account that has money, and without faults and budgets."""
    yield
    shop.balance("100000")
    shop.sandbox.control.delete("/faults")
    shop.app.client.delete("/api/budgets/all")


def get_a_number(page: Page, restaurant: str) -> None:
    page.goto(f"/console/restaurants/{restaurant}")
    page.get_by_role("link", name="Get it a number").click()
    page.get_by_role("button", name="Get it this number").click()


def test_a_purchase_that_is_refused_is_mended(page: Page, shop: Shop) -> None:
    shop.use_up()
    made = shop.restaurant(assign_phone=False)
    stock = [{"carrier": "twilio", "number": "+14155550177"}]
    shop.sandbox.control.post("/numbers", json=stock).raise_for_status()
    shop.balance("0")
    get_a_number(page, made["id"])
    expect(page.locator("#story .problem")).to_contain_text(re.compile("add (funds|credit)"))
    page.goto("/console")
    expect(page.get_by_text("action required")).to_be_visible()
    shop.balance("100000")
    get_a_number(page, made["id"])
    expect(page.locator("#story a.number")).to_be_visible()
    expect(page.locator("#story .problem")).to_have_count(0)


def test_what_a_filter_shows_is_given_back_at_once(page: Page, shop: Shop) -> None:
    shop.use_up()
    numbers = [f"+1646555040{n}" for n in range(2)]
    shop.buy(*numbers)
    page.get_by_role("link", name="Numbers", exact=True).click()
    page.get_by_role("link", name=re.compile("^idle 2$")).click()
    page.get_by_role("link", name="Release", exact=True).click()
    page.get_by_label("give them back to their carriers").check()
    page.get_by_label("Reason").fill("nobody called")
    page.get_by_role("button", name="Release 2 numbers, 2.30 USD a month").dblclick()
    expect(page).to_have_url(re.compile(r"/numbers\?state=releasing$"))
    page.goto(f"/console/numbers/{numbers[0]}")
    expect(page.locator("#story")).to_contain_text("given back")


def test_a_budget_refuses_and_is_raised(page: Page, shop: Shop) -> None:
    page.get_by_role("link", name="Budgets").click()
    page.get_by_role("link", name="Set a budget", exact=True).click()
    page.get_by_label("Of whom").fill("all")
    page.get_by_label("Numbers bought in a month").fill("none at all")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#max_purchases-fault")).to_contain_text("a whole number")
    expect(page.get_by_label("Of whom")).to_have_value("all")
    page.get_by_label("Numbers bought in a month").fill("0")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("0 left")).to_be_visible()
    where = "/console/buy?country=US&search=yes"
    page.goto(where)
    page.get_by_role("link", name="Look at the price of").first.click()
    expect(page.get_by_role("alert")).to_contain_text("the budget for all allows 0 numbers")
    page.goto("/console/budgets/all/edit")
    page.get_by_label("Numbers bought in a month").fill("1000000")
    page.get_by_role("button", name="Set it").click()
    page.goto(where)
    page.get_by_role("link", name="Look at the price of").first.click()
    expect(page.get_by_text("of 1000000 bought in a month are left")).to_be_visible()
    before = shop.bought()
    page.get_by_role("button", name="Buy it for").click()
    expect(page.get_by_text("It serves nobody.")).to_be_visible()
    assert shop.bought() == before + 1


def test_a_number_is_moved_while_another_window_looks(page: Page, shop: Shop) -> None:
    one, other = shop.restaurant(), shop.restaurant(assign_phone=False)
    watching = page.context.new_page()
    watching.goto(f"/console/restaurants/{other['id']}")
    expect(watching.get_by_text("It has no number.")).to_be_visible()
    page.goto(f"/console/numbers/{one['phone_number']}")
    page.get_by_role("link", name="Move it").click()
    page.get_by_role("button", name="Move it").click()
    expect(page.locator("#to-fault")).to_contain_text("name a restaurant")
    page.get_by_label("To which restaurant").fill(other["name"])
    page.get_by_label("Reason").fill("sold")
    page.get_by_role("button", name="Move it").click()
    expect(page.locator("#story")).to_contain_text(f"moved to {other['name']}")
    expect(page.locator("#story")).to_contain_text(f"It serves {other['name']}")
    watching.bring_to_front()
    expect(watching.locator("#story a.number")).to_be_visible()  # without a reload
    watching.close()


def test_a_number_is_released_and_given_back(page: Page, shop: Shop) -> None:
    made = shop.restaurant()
    page.goto(f"/console/numbers/{made['phone_number']}")
    page.get_by_role("link", name="Release it").click()
    page.get_by_label("Reason").fill("closed")
    page.get_by_label("give it back to the carrier").check()
    page.get_by_role("button", name="Release it").click()
    expect(page.get_by_role("alert")).to_be_visible()  # it serves somebody
    expect(page.get_by_label("Reason")).to_have_value("closed")
    page.get_by_label("release it all the same").check()
    page.get_by_role("button", name="Release it").click()
    expect(page.locator("#story")).to_contain_text("released, given back")
    expect(page.locator("#story .state")).to_have_text("released")
    expect(page.locator("#story")).to_contain_text("It serves nobody.")


def test_two_people_send_one_form_and_one_of_them_is_told(page: Page, shop: Shop, browser: Browser) -> None:
    number = shop.restaurant()["phone_number"]
    context = browser.new_context(base_url=shop.app.url)
    context.set_default_timeout(PATIENT)
    second = context.new_page()
    log_in(second)
    for window in (page, second):
        window.goto(f"/console/numbers/{number}/unassign")
    page.get_by_role("button", name="Take it off").click()
    expect(page.locator("#story")).to_contain_text("It serves nobody.")
    second.get_by_label("Reason").fill("closed")
    second.get_by_role("button", name="Take it off").click()
    expect(second.get_by_role("alert")).to_be_visible()
    expect(second.get_by_label("Reason")).to_have_value("closed")
    context.close()


def test_a_trial_number_is_shared_and_everybody_gets_one_after_the_upgrade(page: Page, shop: Shop) -> None:
    path = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
    shop.restaurant()
    shop.use_up()
    shop.sandbox.control.put(path, json={"trial": True}).raise_for_status()
    second = shop.restaurant(assign_phone=False)
    get_a_number(page, second["id"])
    shared = page.locator("#story")
    expect(shared).to_contain_text("shared with")
    shop.sandbox.control.put(path, json={"trial": False, "balance": "100000"}).raise_for_status()
    page.get_by_role("link", name="Get it a number of its own").click()
    page.get_by_role("button", name="Get it this number").click()
    expect(shared).not_to_contain_text("shared with")
    expect(page.locator("#story .chart g.done", has_text="in service")).to_have_count(1)


def test_reading_and_buying_need_no_scripts(browser: Browser, shop: Shop) -> None:
    context = browser.new_context(base_url=shop.app.url, java_script_enabled=False)
    context.set_default_timeout(PATIENT)
    page, before = context.new_page(), shop.bought()
    log_in(page)
    for name in ("Restaurants", "Numbers", "Batches", "Calls", "Reconcile", "Costs", "Budgets", "Events"):
        page.get_by_label("Pages").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("link", name="Search and buy").click()
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("link", name="Look at the price of").first.click()
    page.get_by_role("button", name="Buy it for").click()
    expect(page.get_by_text("It serves nobody.")).to_be_visible()
    page.get_by_role("link", name="Ask both what they hold now").click()
    expect(page.get_by_role("heading", name="In Vapi, just now")).to_be_visible()
    assert shop.bought() == before + 1
    context.close()
