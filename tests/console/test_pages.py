"""Every page can be reached, is safe to show, small, and the same without scripts."""

from __future__ import annotations

import gzip
import hashlib
import html
import re
from importlib.resources import files

import pytest

from tests.console.conftest import Shop, Visitor, text_of

STATIC = files("trunkline.console").joinpath("static")
SUMS = dict(re.findall(r"\| `([\w.-]+)` \| `([0-9a-f]{64})` \|", STATIC.joinpath("README.md").read_text()))
MOST_BYTES, MOST_REQUESTS = 60_000, 6
RUNS = re.compile(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:")


def links(page: str) -> set[str]:
    found = {html.unescape(link) for link in re.findall(r'href="([^"]*)"', page)}
    return {link.split("#")[0] for link in found if "#" not in link and link != "data:,"}


def test_every_page_that_a_link_leads_to_is_there_and_runs_nothing_but_ours(shop: Shop, operator: Visitor) -> None:
    shop.restaurant()
    shop.restaurant(assign_phone=False)
    shop.app.client.post("/api/batches", json={"limit": 1}).raise_for_status()
    shop.app.client.post("/api/reconcile/plans").raise_for_status()
    waiting, seen = ["/console"], set[str]()
    while waiting:
        link = waiting.pop()
        if (page := re.sub(r"\b[a-z]{2,3}_\w+|%2B\d+|=\w+", "*", link)) in seen:
            continue
        seen.add(page)
        answer = operator.client.get(shop.app.url + link)
        assert answer.status_code == 200, f"{link}: {text_of(answer.text)}"
        if "/static/" in link:
            continue
        assert len(re.findall("<h1>", answer.text)) == 1, link
        assert not RUNS.search(answer.text), link
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.findall(r"script-src 'nonce-([\w-]+)';", policy)
        assert set(re.findall(r'nonce="([^"]+)"', answer.text)) == set(nonce)
        assert all(part in policy for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"))
        assert answer.headers["Cache-Control"] == "no-store"
        for found in links(answer.text):
            assert found.startswith(("/console", "?")), f"{link} leads to {found}"
            waiting.append(found)
    assert {"/console/numbers/*", "/console/restaurants/*", "/console/batches/*", "/console/settings"} < seen


@pytest.mark.parametrize("path", ["", "/restaurants", "/numbers", "/buy?country=US", "/settings", "/costs"])
def test_a_page_and_all_that_it_loads_is_small(path: str, shop: Shop, operator: Visitor) -> None:
    page = operator.get(path)
    loaded = set(re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page))
    sizes = [len(gzip.compress(page.encode()))]
    for address in loaded:
        with operator.client.stream("GET", shop.app.url + address) as answer:
            assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")
            assert "immutable" in answer.headers["Cache-Control"]
            sizes.append(sum(len(part) for part in answer.iter_raw()))
    pieces = len(re.findall(r'hx-trigger="load"', page))
    assert len(sizes) + pieces <= MOST_REQUESTS
    assert sum(sizes) <= MOST_BYTES


def test_what_others_have_written_is_as_it_was_published_and_has_its_licence() -> None:
    assert len(SUMS) == 3
    for name, digest in SUMS.items():
        assert hashlib.sha256(STATIC.joinpath(name).read_bytes()).hexdigest() == digest
    assert "Zero-Clause BSD" in STATIC.joinpath("LICENSE-htmx").read_text()


def test_what_people_have_typed_is_shown_and_never_run(shop: Shop, operator: Visitor) -> None:
    name = "<script>alert(1)</script> & 'Söhne'"
    made = shop.app.client.post("/api/restaurants", json={"name": name, "assign_phone": False}).json()
    for path in (f"/restaurants/{made['id']}", "/restaurants?search=alert", "/find?q=<script>alert(1)"):
        page = operator.client.get(path, follow_redirects=True).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_page_that_is_not_there_says_where_to_go_on(operator: Visitor) -> None:
    for path in ("/nothing", "/restaurants/rst_0000000000000000", "/numbers/+12025550100", "/batches/bat_x"):
        page = operator.get(path, 404)
        assert 'role="alert"' in page
        assert "<nav" in page
    assert "known are" in operator.get("/numbers?state=nonsense", 422)
    assert operator.get("/numbers?cursor=nonsense", 422)


@pytest.mark.parametrize(
    "written", ["{e164}", "{national}", "({a}) {b}-{c}", "{a}.{b}.{c}", "1{a}{b}{c}", "00 1 {a}-{b}-{c}"]
)
def test_the_search_box_takes_a_number_in_any_form(written: str, shop: Shop, operator: Visitor) -> None:
    number = shop.restaurant()["phone_number"]
    parts = {"a": number[2:5], "b": number[5:8], "c": number[8:]}
    said = written.format(e164=number, national=number[2:], **parts)
    if said.startswith("00"):
        said = "+" + said[2:].strip()
    assert operator.client.get("/find", params={"q": said}).headers["Location"] == f"/console/numbers/{number}"


def test_the_search_box_takes_names_and_ids(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant(external_id="pos-77", assign_phone=True)
    page = f"/console/restaurants/{made['id']}"
    for said in (made["id"], made["assignment"]["id"], made["name"], "pos-77"):
        assert operator.client.get("/find", params={"q": said}).headers["Location"] == page
    assert "for sale" in operator.client.get("/find", params={"q": "+12025550100"}).text
    assert "Nothing is" in operator.client.get("/find", params={"q": "nobody has this name"}).text


def test_the_search_box_leads_from_each_id_that_has_a_page_to_it(shop: Shop, operator: Visitor) -> None:
    post = shop.app.client.post
    plan = post("/api/reconcile/plans", json={}).raise_for_status().json()["id"]
    endpoint = post("/api/endpoints", json={"url": "https://shop.example/told"}).raise_for_status().json()["id"]
    key = post("/api/keys", json={"scopes": ["numbers:read"]}).raise_for_status().json()["id"]
    places = {plan: f"/reconcile/{plan}", endpoint: f"/endpoints/{endpoint}", key: f"/events?subject={key}"}
    for said, place in places.items():
        assert operator.client.get("/find", params={"q": said}).headers["Location"] == f"/console{place}"
        operator.get(place)
    shop.app.client.delete(f"/api/endpoints/{endpoint}").raise_for_status()
    assert "Nothing is" in operator.client.get("/find", params={"q": "pln_" + "0" * 16}).text


def test_numbers_are_narrowed_by_the_address_counted_and_summed(shop: Shop, operator: Visitor) -> None:
    number = shop.restaurant()["phone_number"]
    text = text_of(operator.get("/numbers"))
    counts = shop.api("/api/numbers/counts")
    assert f"all {counts['total']}" in text
    assert f"in service {counts['by_state']['in_service']}" in text
    costs = shop.api("/api/costs")
    assert costs["totals"][0]["monthly"] in text
    assert number.replace("+1", "") in re.sub(r"\D", "", operator.get("/numbers?state=in_service&sort=price"))
    assert "No number is like that" in operator.get("/numbers?country=FR")


def test_sums_that_are_kept_are_counted_anew_once_something_happens(shop: Shop, operator: Visitor) -> None:
    def shown() -> tuple[str, str, str]:
        text = text_of(operator.get())
        counts, total = text_of(operator.get("/numbers")), text_of(operator.get("/costs"))
        numbers = shop.api("/api/costs")["totals"][0]["numbers"]
        assert f"({numbers} numbers;" in text
        assert f"Numbers {numbers} " in total
        assert f"Paid a month in USD: {shop.api('/api/costs')['totals'][0]['monthly']} USD" in total
        assert f"all {shop.api('/api/numbers/counts')['total']} " in counts
        return text, counts, total

    shop.restaurant()  # or this one is the first, and nothing costs anything
    before = shown()
    assert shown() == before
    shop.use_up()
    shop.restaurant()
    assert shown() != before


def test_the_doctor_in_a_server_looks_for_no_server_elsewhere(shop: Shop, operator: Visitor) -> None:
    assert "runs, and is the one that looks" in text_of(operator.get("/doctor"))
    server = next(found for found in shop.api("/api/doctor")["items"] if found["subject"] == "server")
    assert server["level"] == "ok"


def test_a_restaurants_key_reads_no_message_of_the_operators_account(shop: Shop) -> None:
    shop.use_up()
    words = "Account ACdeadbeef owes 1234.56 USD"
    body = {"code": 10001, "message": words, "status": 400}
    fault = shop.sandbox.fault(
        provider="twilio", operation="incoming_numbers.create", kind="status", status=400, body=body
    )
    made = shop.restaurant()
    again = shop.app.client.post(f"/api/restaurants/{made['id']}/phone").raise_for_status().json()
    shop.sandbox.control.delete(f"/faults/{fault}").raise_for_status()
    assert words in made["assignment"]["message"]
    assert words in again["assignment"]["message"]
    visitor = Visitor(shop.app.url)
    assert visitor.log_in(made["api_key"]).status_code == 303
    for path in ("", "/story"):
        assert "1234.56" not in visitor.get(f"/restaurants/{made['id']}{path}")
