"""What is done at the console, as a person without scripts does it: each page's own form, filled in and sent."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import Request

from tests.console.conftest import Json, Shop, Visitor, text_of
from trunkline.console.page import Page
from trunkline.errors import InvalidInput


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def offer(operator: Visitor) -> str:
    """Where the first number that is for sale can be bought."""
    page = operator.get("/buy?country=US")
    return page.split('href="/console/buy/')[1].split('"')[0].replace("&amp;", "&")


def ended(shop: Shop, restaurant_id: str) -> Json:
    path = f"/api/restaurants/{restaurant_id}"
    until(lambda: shop.api(path)["assignment"]["status"] != "running")
    return shop.api(path)


def test_a_restaurant_is_created_and_gets_its_number_once(shop: Shop, operator: Visitor) -> None:
    name, before = f"Trattoria {uuid.uuid4().hex[:6]}", shop.bought()
    form = operator.form("/restaurants/new")
    first, again = (operator.post("/restaurants/new", form, name=name, country="us") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 303)
    page = again.headers["Location"].removeprefix("/console")
    assert f'href="/console{page}"' in first.text
    number = ended(shop, page.split("/")[-1])["phone_number"]
    shown = text_of(operator.get(page))
    assert all(word in shown for word in (name, "find existing", "create mapping", "assigned"))
    assert number[-4:] in shown
    assert shop.bought() - before <= 1
    assert 'class="done"' in operator.get(f"{page}/story")


def test_the_key_of_a_new_restaurant_is_shown_to_who_may_give_it(
    shop: Shop, operator: Visitor, stranger: Visitor
) -> None:
    made = operator.post("/restaurants/new", operator.form("/restaurants/new"), name="Da Ada", later="yes")
    assert "never again" in text_of(made.text)
    theirs = Visitor(shop.app.url)
    assert theirs.log_in(key_on(made)).status_code == 303
    wanted = {"scopes": ["restaurants:read", "restaurants:write"]}
    stranger.log_in(shop.app.client.post("/api/keys", json=wanted).raise_for_status().json()["key"])
    assert "/restaurants/rst_" in stranger.send("/restaurants/new", name="Da Bea", later="yes")


def key_on(page: httpx2.Response) -> str:
    return page.text.split("<pre>")[1].split("</pre>")[0]


def test_what_cannot_be_is_said_beside_the_field_and_what_was_typed_stays(operator: Visitor) -> None:
    page = operator.refused("/restaurants/new", 422, name="Da Ugo", area_code="12", contains="777")
    assert 'value="Da Ugo"' in page
    assert 'value="777"' in page
    fault = page.split('id="area_code-fault">')[1].split("</p>")[0]
    assert "area code" in fault
    assert 'aria-describedby="area_code-fault"' in page
    assert 'id="name-fault"' in operator.refused("/restaurants/new", 422, name="\u200b")


def test_a_number_is_bought_once_for_the_price_that_was_shown(shop: Shop, operator: Visitor) -> None:
    where, before = f"/buy/{offer(operator)}", shop.bought()
    page = text_of(operator.get(where))
    assert "Buy it for 1.15 USD a month" in page
    form = operator.form(where)
    dearer = operator.post(where, form | {"price": "0.50 USD a month", "key": "another"})
    assert (dearer.status_code, "its price is 1.15 USD a month now" in dearer.text) == (409, True)
    assert shop.bought() == before
    answers = [operator.post(where.split("?")[0], form) for _ in range(2)]  # a double click, or a reload
    assert {answer.headers["Location"] for answer in answers} == {f"/console/numbers/{_number(where)}"}
    assert shop.bought() == before + 1
    assert shop.api(f"/api/numbers/{_number(where)}")["state"] == "idle"
    assert "ours already" in operator.get(where, 409)


def _number(where: str) -> str:
    return where.split("/")[-1].split("?")[0].replace("%2B", "+")


def test_a_number_is_bought_for_a_restaurant_by_its_name(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant(assign_phone=False)
    where = f"/buy/{offer(operator)}"
    assert operator.refused(where, 404, restaurant="nobody has this name")
    assert operator.send(where, restaurant=made["name"]) == f"/restaurants/{made['id']}"
    assert ended(shop, made["id"])["phone_number"] == _number(where)


def test_a_refused_purchase_says_what_to_do_and_is_mended(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant(assign_phone=False)
    stock = [{"carrier": "twilio", "number": "+12015550101"}]
    shop.sandbox.control.post("/numbers", json=stock).raise_for_status()
    shop.balance("0")
    plan = f"/restaurants/{made['id']}/assign"
    assert "What would be done now" in operator.get(plan)
    operator.send(plan, area_code="201")
    assert ended(shop, made["id"])["assignment"]["reason"] == "carrier_action_required"
    assert re.search("add (funds|credit)", text_of(operator.get(f"/restaurants/{made['id']}")))
    assert made["name"] in operator.get("")
    shop.balance("100000")
    planned = operator.post(plan, operator.form(plan), look="yes", area_code="201")
    assert "one at twilio for 1.15 USD a month" in text_of(planned.text)
    operator.send(plan, area_code="201")
    assert ended(shop, made["id"])["phone_number"]


def test_a_number_is_moved_swapped_and_taken_off(shop: Shop, operator: Visitor) -> None:
    one, other, third = shop.restaurant(), shop.restaurant(), shop.restaurant(assign_phone=False)
    number = one["phone_number"]
    assert operator.refused(f"/numbers/{number}/move", 422)
    taken = operator.refused(f"/numbers/{number}/move", 409, to=other["name"], reason="sold")
    assert 'value="sold"' in taken
    assert operator.send(f"/numbers/{number}/move", to=third["name"], reason="sold") == f"/numbers/{number}"
    until(lambda: shop.api(f"/api/restaurants/{third['id']}")["phone_number"] == number)
    page = text_of(operator.get(f"/numbers/{number}"))
    assert all(word in page for word in (f"moved to {third['name']}", "Reason: sold", "hand over", one["name"]))
    operator.send(f"/restaurants/{third['id']}/swap", other=other["name"])
    until(lambda: shop.api(f"/api/restaurants/{other['id']}")["phone_number"] == number)
    operator.send(f"/numbers/{number}/unassign")
    assert shop.api(f"/api/numbers/{number}")["restaurants"] == []
    assert 'class="problem"' in operator.refused(f"/numbers/{number}/unassign", 409)


def test_a_number_is_protected_labelled_and_released(shop: Shop, operator: Visitor) -> None:
    number = shop.restaurant()["phone_number"]
    here = f"/numbers/{number}"
    assert operator.send(f"{here}/describe", protected="yes", labels="vanity, vip", release_after="2031-05-01") == here
    said = shop.api(f"/api/numbers/{number}")
    assert (said["protected"], said["labels"]) == (True, ["vanity", "vip"])
    assert said["release_after"].startswith("2031-05-01")
    assert 'value="2031-05-01"' in operator.get(f"{here}/describe")
    assert operator.refused(f"{here}/describe", 422, labels="x" * 60)
    kept = operator.refused(f"{here}/release", 409, give_back="yes")
    assert 'name="give_back" value="yes" checked' in kept
    operator.send(f"{here}/release", give_back="yes", force="yes")
    until(lambda: shop.api(f"/api/numbers/{number}")["state"] == "released")
    shown = text_of(operator.get(here))
    assert all(word in shown for word in ("released, given back", "release carrier", "It serves nobody"))
    assert "does not hold it" in operator.get(f"{here}/outside")


def test_what_a_filter_shows_is_protected_and_released_at_once_but_for_what_is_protected(
    shop: Shop, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.use_up()
    bought = [f"+1646555030{n}" for n in range(3)]
    shop.buy(*bought)
    assert "All of these at once" not in operator.get("/numbers")
    assert "nothing narrows the list" in operator.get("/numbers/bulk/release", 422)
    assert 'href="/console/numbers/bulk/release?state=idle"' in operator.get("/numbers?state=idle")
    where = "/numbers/bulk/release?state=idle"
    old = operator.form(where)
    assert operator.send("/numbers/bulk/protect?state=idle&min_price=0", reason="vanity").startswith("/numbers?state")
    assert "there is none that this can be done to. 3 protected ones are left out." in text_of(operator.get(where))
    assert operator.post(where, old).status_code == 409
    operator.send(f"/numbers/{bought[0]}/describe")
    operator.send(f"/numbers/{bought[1]}/describe")
    page = text_of(operator.get(where))
    assert "Release 2 numbers, 2.30 USD a month" in page
    assert "1 protected ones are left out" in page
    form = operator.form(where) | {"give_back": "yes", "reason": "nobody called"}
    assert [operator.post(where, form).status_code for _ in range(2)] == [303, 303]
    until(lambda: all(shop.api(f"/api/numbers/{number}")["state"] == "released" for number in bought[:2]))
    assert shop.api(f"/api/numbers/{bought[2]}")["state"] == "idle"
    began = [e for e in shop.api("/api/events?type=release.started&limit=5")["items"] if e["reason"] == "nobody called"]
    assert sorted(e["number"] for e in began) == sorted(bought[:2])
    operator.send("/numbers/bulk/unprotect?state=idle")
    assert shop.api(f"/api/numbers/{bought[2]}")["protected"] is False


def test_a_restaurant_is_changed_and_deleted_and_gets_a_new_key(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant()
    here = f"/restaurants/{made['id']}"
    assert operator.send(f"{here}/edit", name="Da Pino", external_id="pos-9") == here
    assert "pos-9" in operator.get(here)
    assert 'value="\u200b' not in operator.refused(f"{here}/edit", 422)
    answer = operator.post(f"{here}/rotate-key", operator.form(f"{here}/rotate-key"))
    key = key_on(answer)
    mine = shop.app.anonymous.get(f"/api{here}", headers={"Authorization": f"Bearer {key}"})
    assert mine.status_code == 200
    assert "within a day" in operator.refused(f"{here}/rotate-key", 409)
    assert operator.send(f"{here}/delete") == f"/numbers/{made['phone_number']}"
    assert "It was deleted" in operator.get(here)
    assert "Da Pino" in operator.get("/restaurants?deleted=yes")


def test_a_batch_is_planned_started_watched_and_gone_on_with(shop: Shop, operator: Visitor) -> None:
    group = uuid.uuid4().hex[:6]
    for n in range(3):
        body = {"name": f"Kette {group} {n}", "assign_phone": False}
        shop.app.client.post("/api/restaurants", json=body).raise_for_status()
    form = operator.form("/batches/new")
    plan = operator.post("/batches/new", form, search=group, area_code="212")
    assert "Start: 3 restaurants" in text_of(plan.text)
    form |= {name: plan.text.split(f'name="{name}" value="')[1].split('"')[0] for name in ("max_purchases",)}
    asked = {"search": group, "area_code": "212", "start": "yes"}
    first, again = (operator.post("/batches/new", form, **asked) for _ in range(2))
    here = first.headers["Location"].removeprefix("/console")
    assert again.headers["Location"] == first.headers["Location"]
    until(lambda: shop.api(f"/api{here}")["status"] != "running")
    page = text_of(operator.get(here))
    assert "3 of 3 are done" in page
    assert f"Kette {group} 2" in operator.get(f"{here}?status=assigned")
    assert "hx-get" not in operator.get(f"{here}/progress")
    assert "only a running batch" in text_of(operator.refused(f"{here}/cancel", 409))
    assert "every restaurant of the batch has its number" in text_of(operator.refused(f"{here}/resume", 409))
    assert operator.refused("/batches/new", 422, search="nobody is called so")


def test_what_a_key_may_not_do_is_neither_shown_nor_done(shop: Shop, stranger: Visitor) -> None:
    wanted = {"scopes": ["restaurants:read", "numbers:read"]}
    key = shop.app.client.post("/api/keys", json=wanted).raise_for_status().json()
    number = shop.restaurant()["phone_number"]
    assert stranger.log_in(key["key"]).status_code == 303
    page = stranger.get(f"/numbers/{number}")
    assert not any(word in page for word in ("/release", "/move", "/calls", "/settings"))
    for path in (f"/numbers/{number}/release", "/restaurants/new", "/buy/+12125550199", "/calls", "/settings"):
        assert "has not the scope" in text_of(stranger.get(path, 403))
    seal = {"seal": stranger.get("").split('name="seal" value="')[1].split('"')[0]}
    assert stranger.post(f"/numbers/{number}/release", seal, force="yes").status_code == 403
    assert shop.api(f"/api/numbers/{number}")["state"] == "in_service"


def test_a_key_is_made_used_renewed_and_revoked(shop: Shop, operator: Visitor) -> None:
    assert 'role="alert"' in operator.refused("/keys/new", 422, comment="nothing ticked")
    assert 'name="webhook"' not in operator.get("/keys/new")
    form = operator.form("/keys/new") | {"comment": "the till", "numbers:read": "yes", "restaurants:read": "yes"}
    made = operator.post("/keys/new", form)
    key = key_on(made)
    assert "shown once" in text_of(operator.post("/keys/new", form).text)  # a reload makes no second one
    till = Visitor(shop.app.url)
    assert till.log_in(key).status_code == 303
    till.get("/numbers")
    page = operator.get("/keys")
    assert all(word in page for word in ("the till", "numbers:read", "all restaurants"))
    here = page.split('aria-label="Renew the till"')[0].split('href="/console')[-1].split('"')[0]
    renewed = operator.post(here, operator.form(here), force="yes")
    assert key not in renewed.text
    assert till.client.get("/numbers").status_code == 303  # what he came in with opens nothing any more
    assert till.log_in(key_on(renewed)).status_code == 303
    assert operator.send(here.replace("rotate", "revoke"), reason="lost") == "/keys"
    assert till.client.get("/numbers").status_code == 303
    assert "the till" in operator.get("/keys?revoked=yes")


def test_what_a_person_does_stands_in_the_events_with_his_reason(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant()
    reason = f"closed {uuid.uuid4().hex[:6]}"
    operator.send(f"/restaurants/{made['id']}/delete", reason=reason)
    told = text_of(operator.get(f"/events?subject={made['id']}"))
    assert "restaurant.deleted" in told
    assert "console: X-Vapi-Secret" in told
    assert reason in told
    assert "restaurant.deleted" in operator.get("/events?type=restaurant.deleted")
    assert "restaurant.created" not in operator.get("/events?type=restaurant.deleted").split("<tbody>")[-1]
    assert "Nothing like that" in operator.get("/events?subject=%2B12025550100")


@pytest.mark.anyio
async def test_a_browser_that_goes_away_within_its_form_is_told_of_no_error_of_ours() -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    app = SimpleNamespace(state=SimpleNamespace(services=None))
    page = Page(Request({"type": "http", "method": "POST", "path": "/", "headers": [], "app": app}, gone), "nonce")
    with pytest.raises(InvalidInput, match="did not come to its end"):
        await page.form()
