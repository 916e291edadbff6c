"""Who is let into the console, for how long, and whose forms are taken."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from tests.console.conftest import Shop, Visitor, text_of
from tests.support.app_server import SECRET
from trunkline.console.entrance import LINK_SECONDS, LOCKED_SECONDS, TRIES, Entrance
from trunkline.db.addresses import driver_url
from trunkline.errors import Unauthorized


def test_who_is_not_logged_in_is_asked_to_and_comes_back_to_where_he_was(stranger: Visitor) -> None:
    asked = stranger.client.get("/numbers?state=idle")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/console/login?next=%2Fnumbers%3Fstate%3Didle")
    page = stranger.get("/login?next=%2Fnumbers%3Fstate%3Didle")
    assert 'value="/numbers?state=idle"' in page
    came = stranger.log_in(to="/numbers?state=idle")
    assert came.headers["Location"] == "/console/numbers?state=idle"
    cookie = came.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/console", "Max-Age="))
    assert "Secure" not in cookie  # it came by http, as on this machine
    stranger.get("/numbers?state=idle")
    secure = stranger.client.post("/login", data={"credential": SECRET}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in secure.headers["Set-Cookie"]


@pytest.mark.parametrize("to", ["//elsewhere.example", "https://elsewhere.example", "\\\\elsewhere.example"])
def test_nobody_is_sent_to_another_site(to: str, stranger: Visitor) -> None:
    assert stranger.log_in(to=to).headers["Location"].startswith("/console")


def test_what_opens_nothing_is_said_and_the_door_locks_after_wrong_tries(shop: Shop, stranger: Visitor) -> None:
    for _ in range(TRIES):
        wrong = stranger.log_in("no-secret-of-anybody")
        assert (wrong.status_code, "this opens nothing" in wrong.text) == (401, True)
        assert "no-secret-of-anybody" not in wrong.text
    locked = stranger.log_in()
    assert (locked.status_code, "wrong tries" in locked.text) == (401, True)
    shop.operator.get("/settings")  # who is in stays in
    shop.app.app.state.entrance.forget("127.0.0.1")


def test_the_lock_opens_by_itself_and_a_right_key_forgets_wrong_tries() -> None:
    now = [0.0]
    entrance = Entrance(lambda: now[0])
    for _ in range(TRIES):
        entrance.refuse_locked("a")
        entrance.count_wrong("a")
    entrance.refuse_locked("b")
    with pytest.raises(Unauthorized):
        entrance.refuse_locked("a")
    now[0] = LOCKED_SECONDS
    entrance.refuse_locked("a")
    entrance.count_wrong("a")
    entrance.forget("a")
    assert entrance._wrong == {}


def test_a_link_logs_in_once_and_not_for_long(shop: Shop, stranger: Visitor) -> None:
    entrance: Entrance = shop.app.app.state.entrance
    link = entrance.new_link()
    came = stranger.client.get(f"/enter/{link}")
    assert (came.status_code, came.headers["Location"]) == (303, "/console")
    stranger.get("/settings")
    assert Visitor(shop.app.url).client.get(f"/enter/{link}").status_code == 401
    now = [0.0]
    other = Entrance(lambda: now[0])
    late = other.new_link()
    now[0] = LINK_SECONDS + 1
    with pytest.raises(Unauthorized):
        other.use_link(late)


def test_who_has_logged_out_is_out_with_the_cookie_he_had(shop: Shop, stranger: Visitor) -> None:
    stranger.log_in()
    cookie = dict(stranger.client.cookies)
    seal = {"seal": stranger.form("/restaurants/new")["seal"]}
    assert stranger.post("/logout", seal).headers["Location"] == "/console/login"
    other = Visitor(shop.app.url)
    other.client.cookies.update(cookie)
    assert other.client.get("/settings").status_code == 303


def test_the_cookie_is_renewed_while_forms_that_are_open_stay_good(shop: Shop, stranger: Visitor) -> None:
    stranger.log_in()
    form, before = stranger.form("/restaurants/new"), stranger.client.cookies["trunkline_visit"]
    engine = sa.create_engine(driver_url(shop.app.app.state.services.settings.database_url, asynchronous=False))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE visits SET renewed_at = '2020-01-01 00:00:00.000000'"))
    engine.dispose()
    stranger.get("/settings")
    assert stranger.client.cookies["trunkline_visit"] != before
    late = Visitor(shop.app.url)  # a request that was under way with the cookie from before
    late.client.cookies.set("trunkline_visit", before)
    late.get("/settings")
    assert stranger.post("/restaurants/new", form, name="Da Mario", later="yes").status_code == 200


def test_forms_of_others_are_refused(operator: Visitor) -> None:
    form = operator.form("/restaurants/new") | {"name": "Forged", "later": "yes"}
    unsealed = operator.post("/restaurants/new", form | {"seal": "0" * 64})
    assert (unsealed.status_code, "not one of this visit" in unsealed.text) == (403, True)
    foreign = operator.client.post("/restaurants/new", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert "Forged" not in operator.get("/restaurants?search=forged").split("<tbody>")[-1]


def test_a_restaurants_key_sees_its_own_page_and_nothing_else(shop: Shop, stranger: Visitor) -> None:
    mine, other = shop.restaurant(), shop.restaurant()
    assert stranger.log_in(mine["api_key"]).status_code == 303
    assert stranger.client.get("").headers["Location"] == f"/console/restaurants/{mine['id']}"
    page = stranger.get(f"/restaurants/{mine['id']}")
    assert mine["name"] in page
    assert not any(word in page for word in ("<nav", "rotate-key", "Swap with", "AC5a4db0"))
    for path in (f"/restaurants/{other['id']}", "/restaurants", "/numbers", "/buy", "/settings", "/doctor", "/batches"):
        assert re.search("sees its own data|has not the scope", text_of(stranger.get(path, 403)))
    shop.app.client.post(f"/api/restaurants/{mine['id']}/rotate-key", json={"force": True}).raise_for_status()
    assert stranger.client.get(f"/restaurants/{mine['id']}").status_code == 303  # what he came in with opens nothing
