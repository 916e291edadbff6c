"""What differs is planned and applied, what may be spent is limited, and who is told of events: at the console."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from tests.console.conftest import Shop, Visitor, text_of
from tests.console.test_forms import offer, until
from tests.support.receiver import Receiver


def drifted(shop: Shop, kind: str) -> str:
    """The number of a restaurant, or of nobody, of which carrier and Vapi say something else now."""
    (done,) = shop.sandbox.control.post("/drift", json={"kinds": [kind], "changes": 1}).raise_for_status().json()
    return str(done["number"])


def compared(operator: Visitor, **policy: str) -> str:
    """Where a new plan is shown."""
    return operator.send("/reconcile/new", **policy)


def changes_of(page: str) -> int:
    found = re.search(r"Apply: (\d+) change", text_of(page))
    return int(found[1]) if found else 0


def test_what_differs_is_shown_as_a_diff_and_mended_once(shop: Shop, operator: Visitor) -> None:
    shop.restaurant()
    number = drifted(shop, "missing_in_vapi")
    form = operator.form("/reconcile/new")
    first, again = (operator.post("/reconcile/new", form).headers["Location"] for _ in range(2))
    assert first == again
    here = first.removeprefix("/console")
    page = operator.get(f"{here}?kind=missing_in_vapi")
    assert all(word in text_of(page) for word in ("not in Vapi", "import it again", "Apply: "))
    assert number.replace("+1", "") in re.sub(r"\D", "", page)
    assert "known are" in operator.get(f"{here}?kind=nonsense", 422)
    assert f'href="/console{here}"' in operator.get("")  # it is the newest plan, and needs a person
    form = operator.form(f"{here}/apply")
    assert "checksum" in text_of(operator.post(f"{here}/apply", form | {"checksum": "0" * 64, "key": "x"}).text)
    started = [operator.post(f"{here}/apply", form, reason="to be sure").headers["Location"] for _ in range(2)]
    assert started[0] == started[1]
    run = started[0].removeprefix("/console")
    until(lambda: shop.api(f"/api{run}")["status"] != "running")
    ended = text_of(operator.get(run))
    assert all(word in ended for word in ("done", "to be sure", "import it again"))
    assert "hx-get" not in operator.get(f"{run}/progress")
    assert "It was applied" in operator.get(here)
    assert "is applied by" in text_of(operator.refused(f"{here}/apply", 409))
    assert "only a running one" in text_of(operator.refused(f"{run}/cancel", 409))
    assert "make a new plan" in text_of(operator.refused(f"{run}/resume", 409))
    assert "No change of it" in operator.get(f"{run}?status=failed")
    assert f"/console{here}" not in operator.get(compared(operator))
    assert here in operator.get("/reconcile")


def test_a_plan_gives_back_only_what_was_said_yes_to_and_another_world_is_told(shop: Shop, operator: Visitor) -> None:
    shop.restaurant()
    drifted(shop, "orphan")
    here = compared(operator, release="yes")
    page = operator.get(here)
    assert all(word in text_of(page) for word in ("gives back what is not in our books", "give it back to the carrier"))
    refused = operator.refused(f"{here}/apply", 422, release="yes", confirm="somebody else's", reason="not ours")
    assert 'id="confirm-fault"' in refused
    assert 'value="not ours"' in refused
    drifted(shop, "orphan")
    installation = shop.app.app.state.services.installation
    changed = operator.refused(f"{here}/apply", 409, release="yes", confirm=installation)
    assert re.search(r"<pre>\+ release \+\d+ at twilio", changed)
    again = compared(operator, release="yes")
    run = operator.send(f"{again}/apply", release="yes", confirm=installation)
    until(lambda: shop.api(f"/api{run}")["status"] == "done")
    assert changes_of(operator.get(compared(operator))) == 0


@pytest.fixture
def unlimited(shop: Shop) -> Iterator[None]:
    yield
    for budget in shop.api("/api/budgets")["items"]:
        shop.app.client.delete(f"/api/budgets/{budget['budget']}").raise_for_status()


def test_a_budget_is_set_shown_before_a_purchase_and_refuses_it(shop: Shop, operator: Visitor, unlimited: None) -> None:
    assert "Nothing is limited" in operator.get("/budgets")
    where = f"/buy/{offer(operator)}"
    assert "nothing is limited" in operator.get(where)
    assert 'id="max_purchases-fault"' in operator.refused("/budgets/new", 422, budget="all", max_purchases="a few")
    assert 'id="budget-fault"' in operator.refused("/budgets/new", 422, budget="nobody's name", max_numbers="1")
    assert operator.refused("/budgets/new", 422, budget="all")
    operator.send("/budgets/new", budget="all", max_purchases="10000", max_monthly_price="9000.50")
    page = text_of(operator.get(where))
    assert re.search(r"\d+ of 10000 bought in a month are left; \d+ then", page)
    assert re.search(r"[\d.]+ USD of 9000.50 USD a month for the numbers held at once are left", page)
    assert "For all" in operator.get("/budgets")
    assert 'value="9000.50"' in operator.get("/budgets/all/edit")
    asked, before = operator.form(where), shop.bought()
    operator.send("/budgets/all/edit", max_purchases="0", reason="no money")
    assert "the budget for all allows 0 numbers bought in a month" in operator.get(where, 409)
    assert "the budget for all allows 0" in operator.post(where, asked).text
    assert shop.bought() == before
    assert "100 %" in text_of(operator.get(""))
    assert operator.send("/budgets/all/remove", reason="enough") == "/budgets"
    assert operator.get("/budgets/all/edit", 404)


@pytest.fixture
def receiver(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Listens here, which is allowed; whatever is sent anywhere ends with the test."""
    monkeypatch.setattr(shop.app.app.state.services.settings, "endpoints_allow_private", True)
    with Receiver() as opened:
        yield opened
        for one in shop.api("/api/endpoints")["items"]:
            shop.app.client.delete(f"/api/endpoints/{one['id']}").raise_for_status()


def test_an_endpoint_is_added_sends_is_renewed_switched_and_deleted(
    shop: Shop, operator: Visitor, receiver: Receiver
) -> None:
    assert "Nobody is told" in operator.get("/endpoints")
    assert 'id="url-fault"' in operator.refused("/endpoints/new", 422, url="ftp://example.com")
    form = operator.form("/endpoints/new") | {"url": receiver.url, "description": "the till"}
    form["restaurant.created"] = "yes"
    made = operator.post("/endpoints/new", form)
    secret = _shown(made.text)
    assert "shown once" in text_of(operator.post("/endpoints/new", form).text)  # a reload adds no second one
    here = made.text.split('class="button" href="/console')[1].split('"')[0]
    restaurant = shop.restaurant(assign_phone=False)
    until(lambda: receiver.about(restaurant["id"]))
    (got,) = receiver.about(restaurant["id"])
    assert got.verified_by(secret)
    until(lambda: "delivered" in text_of(operator.get(f"{here}?status=delivered").split("<tbody>")[-1]))
    page = operator.get(here)
    assert all(word in text_of(page) for word in ("the till", "restaurant.created", "200"))
    assert secret not in page
    again = {"seal": operator.form(f"{here}/switch")["seal"], "event": got.id}
    assert operator.post(f"{here}/resend", again).headers["Location"] == f"/console{here}"
    until(lambda: len(receiver.about(restaurant["id"])) == 2)
    renewed = operator.post(f"{here}/rotate", operator.form(f"{here}/rotate"), reason="lost")
    assert _shown(renewed.text) != secret
    off = operator.form(f"{here}/switch")
    assert operator.post(f"{here}/switch", off, reason="too loud").status_code == 303
    assert operator.post(f"{here}/switch", off).status_code == 409  # somebody else had been there
    assert "a person has disabled it" in operator.get(here)
    assert operator.post(f"{here}/resend", again).status_code == 409
    operator.send(f"{here}/switch")
    assert "Disable it" in operator.get(here)
    assert operator.send(f"{here}/delete", reason="moved") == "/endpoints"
    assert operator.get(here, 404)


def _shown(page: str) -> str:
    return html.unescape(page.split("<pre>")[1].split("</pre>")[0])


def test_a_call_is_tried_without_a_phone_and_leaves_nothing(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant()
    before = shop.api("/api/calls")["items"]
    page = operator.get(f"/calls/try?called={made['phone_number'][2:]}&caller=%2B14155550142")
    assert f"answered for {made['name']}" in text_of(page)
    nobody = text_of(operator.get("/calls/try?called=%2B12025550100"))
    assert all(said in nobody for said in ("nobody answers", "It serves no restaurant", "The caller hears"))
    assert 'id="called-fault"' in operator.get("/calls/try?called=12", 422)
    shop.app.client.delete(f"/api/restaurants/{made['id']}").raise_for_status()
    assert "nobody answers" in operator.get(f"/calls/try?called={made['phone_number'].replace('+', '%2B')}")
    assert shop.api("/api/calls")["items"] == before
