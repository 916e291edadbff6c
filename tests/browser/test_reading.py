"""How a page is gone through with the keyboard, and read on a narrow screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENT
from tests.console.conftest import Shop

expect.set_options(timeout=PATIENT)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["", "/restaurants", "/settings"])
def test_the_first_tab_leads_to_the_first_thing_on_the_page(page: Page, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/console{path}")
    expect(page.locator("nav [aria-current]")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()


def test_a_reason_stands_below_its_status(page: Page, shop: Shop) -> None:
    made = shop.restaurant(area_code="907", contains="9999")
    assert made["assignment"]["reason"] == "no_numbers_found"
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/console/restaurants")
    row = page.get_by_role("row", name=made["name"])
    badge, reason = row.locator(".badge").bounding_box(), row.locator("small").bounding_box()
    assert badge
    assert reason
    assert reason["y"] >= badge["y"] + badge["height"] / 2
    assert reason["x"] <= badge["x"] + 1
