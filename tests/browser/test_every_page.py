"""Every page in a real browser: narrow, with few requests, and for people who do not see or point as most do."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, StorageState

from tests.browser.conftest import opened
from tests.console.conftest import Json, Shop

NARROW, MOST_REQUESTS, MOST_BYTES = 360, 6, 60_000
SERIOUS, CONTRAST = ("serious", "critical"), {"runOnly": ["color-contrast"]}
LISTS = (
    "/login",
    "",
    "/restaurants",
    "/restaurants/new",
    "/numbers",
    "/buy?country=US",
    "/batches",
    "/batches/new",
    "/calls",
    "/calls/try?called=%2B14155550123",
    "/reconcile",
    "/reconcile/new",
    "/costs",
    "/budgets",
    "/budgets/all/edit",
    "/debts",
    "/events",
    "/endpoints",
    "/endpoints/new",
    "/keys",
    "/keys/new",
    "/settings",
    "/nothing-there",
)


@pytest.fixture(scope="module")
def paths(shop: Shop) -> Iterator[list[str]]:
    """All pages, in a world in which each has something to show."""
    api, name = shop.app.client, "Trattoria da Enzo al 29, Trastevere"

    def made(path: str, body: Json) -> Json:
        return dict(api.post(path, json=body).raise_for_status().json())

    one = made("/api/restaurants", {"name": name})
    none = made("/api/restaurants", {"name": "Without a number", "assign_phone": False})
    shop.sandbox.control.post("/drift", json={"kinds": ["orphan", "misrouted"], "changes": 2}).raise_for_status()
    plan, batch = made("/api/reconcile/plans", {}), made("/api/batches", {"limit": 1})
    made("/api/keys", {"scopes": ["numbers:read"], "comment": "the kitchen"})
    api.put("/api/budgets/all", json={"max_numbers": 1000, "max_monthly_price": "1000"}).raise_for_status()
    number = f"/numbers/{one['phone_number'].replace('+', '%2B')}"
    sale = shop.operator.get("/buy?country=US").split('href="/console/buy/')[1].split('"')[0]
    yield [
        *LISTS,
        *(f"/restaurants/{one['id']}{rest}" for rest in ("", "/edit", "/swap")),
        f"/restaurants/{none['id']}/assign",
        *(number + rest for rest in ("", "/move", "/release", "/describe")),
        f"/buy/{sale}".replace("&amp;", "&"),
        f"/batches/{batch['id']}",
        *(f"/reconcile/{plan['id']}{rest}" for rest in ("", "/apply")),
    ]
    api.delete("/api/budgets/all")


def test_every_page_is_narrow_and_small_and_keeps_nobody_out(
    browser: Browser, shop: Shop, operator: StorageState, paths: list[str]
) -> None:
    """As axe-core judges it, once more where it is dark."""
    axe = _axe()
    wrong: list[tuple[object, ...]] = []
    options = {"storage_state": operator, "viewport": {"width": NARROW, "height": 700}, "bypass_csp": axe is not None}
    with opened(browser, shop.app.url, **options) as page:
        asked: list[Request] = []
        page.on("requestfinished", lambda request: asked.append(request))
        for path in paths:
            asked.clear()
            page.goto(f"/console{path}")
            width, requests, weight = _measured(page, list(asked))
            if width > NARROW or requests > MOST_REQUESTS or weight > MOST_BYTES:
                wrong.append((path, width, requests, weight))
            if axe is not None:
                wrong += [(path, "light", *one) for one in _judged(axe.run(page))]
                page.emulate_media(color_scheme="dark")
                wrong += [(path, "dark", *one) for one in _judged(axe.run(page, options=CONTRAST))]
                page.emulate_media(color_scheme="light")
    assert wrong == []
    if axe is None:
        pytest.skip("axe-playwright-python is not installed: all was looked at but what it judges")


def _measured(page: Page, asked: Sequence[Request]) -> tuple[int, int, int]:
    """How wide it is, how many requests it makes, and how many bytes it loads, compressed."""
    loaded = [one for one in asked if "/static/" in one.url or one.is_navigation_request()]
    later = page.locator("[hx-trigger=load], [hx-sse\\:connect]").count()
    bodies = [response.body() for one in loaded if (response := one.response()) is not None]
    width = int(page.evaluate("document.documentElement.scrollWidth"))
    return width, len(loaded) + later, sum(len(gzip.compress(body)) for body in bodies)


def _axe() -> Any:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        return None
    return Axe()


def _judged(results: Any) -> list[tuple[str, str]]:
    violations = results.response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in SERIOUS]
