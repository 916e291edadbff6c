"""The sandbox's Telnyx: numbers that an account holds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.sandbox.telnyx_client import (
    ELSEWHERE,
    ELSEWHERE_KEY,
    account,
    bought,
    client_of,
    error_of,
    numbers_in,
    order,
    search,
    sell,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.telnyx import DEFAULT_ACCOUNT


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    with client_of(sandbox) as client:
        yield client


def give(sandbox: SandboxServer, number: str, **wire: Any) -> None:
    """Put a number into the default account's hands."""
    country = "US" if number.startswith("+1") else "GB"
    sell(sandbox, number, account=DEFAULT_ACCOUNT, country=country, wire=wire)


def listed(api: httpx2.Client, **filters: str) -> list[str]:
    """`number_type__eq=` stands for filter[number_type][eq]."""
    query = {"filter" + "".join(f"[{part}]" for part in name.split("__")): value for name, value in filters.items()}
    answer = api.get("/phone_numbers", params=query)
    assert answer.status_code == 200, answer.text
    return numbers_in(answer.json()["data"])


def test_pages_hold_20_unless_asked_and_250_at_most(sandbox: SandboxServer, api: httpx2.Client) -> None:
    stock = [{"carrier": "telnyx", "number": f"+1929555{i:04}", "account": DEFAULT_ACCOUNT} for i in range(303)]
    sandbox.control.post("/numbers", json=stock)
    assert api.get("/phone_numbers").json()["meta"] == {
        "page_number": 1,
        "page_size": 20,
        "total_pages": 16,
        "total_results": 303,
    }
    pages = [api.get("/phone_numbers", params={"page[size]": 250, "page[number]": n}).json()["data"] for n in (1, 2, 3)]
    assert [len(page) for page in pages] == [250, 53, 0]
    assert numbers_in(pages[0] + pages[1]) == [n["number"] for n in reversed(stock)]
    for query in ("page[size]=251", "page[size]=0", "page[number]=0", "page[number]=two"):
        assert error_of(api.get(f"/phone_numbers?{query}")) == (400, "10015")


def test_newest_first_unless_sorted(sandbox: SandboxServer, api: httpx2.Client) -> None:
    for number in ("+14155550102", "+14155550101", "+14155550103"):
        give(sandbox, number)
    assert listed(api) == ["+14155550103", "+14155550101", "+14155550102"]
    by_number = numbers_in(api.get("/phone_numbers?sort=phone_number").json()["data"])
    assert by_number == ["+14155550101", "+14155550102", "+14155550103"]
    assert numbers_in(api.get("/phone_numbers?sort=-phone_number").json()["data"]) == by_number[::-1]
    assert error_of(api.get("/phone_numbers?sort=colour")) == (400, "10015")


def test_filter_by_number_takes_a_part_of_at_least_three_digits(sandbox: SandboxServer, api: httpx2.Client) -> None:
    give(sandbox, "+14155550101")
    assert listed(api, phone_number="14155550101") == ["+14155550101"]
    assert listed(api, phone_number="555") == ["+14155550101"]
    assert listed(api, phone_number="999") == []
    assert listed(api, phone_number="+14155550101") == []
    assert error_of(api.get("/phone_numbers?filter[phone_number]=14")) == (400, "10015")
    switch(sandbox, plus_in_filter=True)
    assert listed(api, phone_number="+14155550101") == ["+14155550101"]


def test_filters(sandbox: SandboxServer, api: httpx2.Client) -> None:
    give(sandbox, "+14155550101", tags=["t1", "both"], customer_reference="r1", connection_id="77")
    give(sandbox, "+14155550102", tags=["t2", "both"], source_type="port_request", billing_group_id="g1")
    give(sandbox, "+442079460101", connection_name="vapi")
    one, two, three = "+14155550101", "+14155550102", "+442079460101"
    assert listed(api, tag="t1") == [one]
    assert listed(api, tag="both") == [two, one]
    assert numbers_in(api.get("/phone_numbers?filter[tag][]=t1&filter[tag][]=t2").json()["data"]) == [two, one]
    assert listed(api, without_tags="true") == [three]
    assert listed(api, customer_reference="r1") == [one]
    assert listed(api, connection_id="77") == [one]
    assert listed(api, country_iso_alpha2="GB") == [three]
    assert listed(api, country_iso_alpha2="GB,US") == [three, two, one]
    assert listed(api, source="ported") == [two]
    assert listed(api, billing_group_id="g1") == [two]
    assert listed(api, billing_group_id="null") == [three, one]
    assert listed(api, number_type__eq="toll_free") == []
    assert listed(api, status="active") == [three, two, one]
    assert listed(api, **{"voice.connection_name__eq": "vapi"}) == [three]
    assert error_of(api.get("/phone_numbers?filter[tags]=t1")) == (400, "10032")


def test_a_number_is_read_by_id_or_in_e164(sandbox: SandboxServer, api: httpx2.Client) -> None:
    give(sandbox, "+14155550101", id="1293384261075731499")
    by_id = api.get("/phone_numbers/1293384261075731499").json()
    assert by_id["data"]["phone_number"] == "+14155550101"
    assert api.get("/phone_numbers/+14155550101").json() == by_id
    assert api.get("/phone_numbers/%2B14155550101").json() == by_id
    for unknown in ("1293384261075731498", "+14155550102", "14155550101"):
        assert error_of(api.get(f"/phone_numbers/{unknown}")) == (404, "10005")


def test_slim_has_tags_and_connection_only_when_asked(sandbox: SandboxServer, api: httpx2.Client) -> None:
    give(sandbox, "+14155550101", tags=["t1"], connection_name="vapi")
    (slim,) = api.get("/phone_numbers/slim").json()["data"]
    assert not {"tags", "connection_name"} & set(slim)
    (full,) = api.get("/phone_numbers/slim?include_tags=true&include_connection=true").json()["data"]
    assert (full["tags"], full["connection_name"]) == (["t1"], "vapi")


def test_tags_are_replaced_as_a_whole(sandbox: SandboxServer, api: httpx2.Client) -> None:
    give(sandbox, "+14155550101", tags=["old"])
    body = {"tags": ["r-1", "b_2"], "customer_reference": "a1", "connection_id": "99", "hd_voice_enabled": True}
    changed = api.patch("/phone_numbers/+14155550101", json=body).json()["data"]
    assert {k: changed[k] for k in body} == body
    assert api.patch("/phone_numbers/+14155550101", json={"tags": []}).json()["data"]["tags"] == []
    assert api.get("/phone_numbers/+14155550101").json()["data"]["connection_id"] == "99"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"tags": ["restaurant:1"]}, "10015"),
        ({"tags": "t1"}, "10015"),
        ({"customer_reference": 5}, "10015"),
        ({"webhook_url": "https://example.com"}, "10015"),
        ({"messaging_profile_id": "m1"}, "10027"),
    ],
)
def test_an_update_that_is_refused_changes_nothing(
    sandbox: SandboxServer, api: httpx2.Client, body: dict[str, Any], code: str
) -> None:
    give(sandbox, "+14155550101", tags=["old"])
    answer = api.patch("/phone_numbers/+14155550101", json={"connection_id": "99"} | body)
    assert error_of(answer) == (422, code)
    assert answer.json()["errors"][0]["source"]["pointer"] == f"/{next(iter(body))}"
    after = api.get("/phone_numbers/+14155550101").json()["data"]
    assert (after["tags"], after["connection_id"]) == (["old"], None)


def test_deleted_once_then_404(sandbox: SandboxServer, api: httpx2.Client) -> None:
    number = bought(api)
    number_id = api.get(f"/phone_numbers/{number}").json()["data"]["id"]
    answer = api.delete(f"/phone_numbers/{number_id}")
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "deleted")
    for path in (number_id, number):
        assert error_of(api.delete(f"/phone_numbers/{path}")) == (404, "10005")
        assert error_of(api.get(f"/phone_numbers/{path}")) == (404, "10005")
    assert sandbox.held("telnyx") == []
    assert listed(api) == []


def test_a_released_number_can_be_bought_again_and_is_a_new_one(api: httpx2.Client) -> None:
    number = bought(api, customer_reference="a1")
    first = api.get(f"/phone_numbers/{number}").json()["data"]
    api.delete(f"/phone_numbers/{number}")
    assert numbers_in(search(api, limit=1)) == [number]
    order(api, number)
    api.get("/phone_numbers")
    (again,) = api.get("/phone_numbers").json()["data"]
    assert again["phone_number"] == number
    assert (again["customer_reference"], again["id"] == first["id"]) == (None, False)


def test_a_locked_number_is_not_deleted(sandbox: SandboxServer, api: httpx2.Client) -> None:
    give(sandbox, "+14155550101", deletion_lock_enabled=True)
    assert error_of(api.delete("/phone_numbers/+14155550101")) == (422, "10021")
    assert listed(api) == ["+14155550101"]


def test_another_accounts_numbers_are_not_there(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, ELSEWHERE, secret=ELSEWHERE_KEY)
    give(sandbox, "+14155550101")
    with client_of(sandbox, ELSEWHERE_KEY) as other:
        assert listed(other) == []
        for answer in (
            other.get("/phone_numbers/+14155550101"),
            other.patch("/phone_numbers/+14155550101", json={"tags": []}),
            other.delete("/phone_numbers/+14155550101"),
        ):
            assert error_of(answer) == (404, "10005")


def test_two_thousand_held_numbers_do_not_slow_a_purchase(sandbox: SandboxServer, api: httpx2.Client) -> None:
    offered = iter(numbers_in(search(api, limit=50)))

    def buy_ten() -> float:
        start = time.process_time()
        for number in itertools.islice(offered, 10):
            order(api, number)
            assert listed(api, phone_number=number[1:]) in ([], [number])
        return time.process_time() - start

    alone = buy_ten()
    held = [{"carrier": "telnyx", "number": f"+1929{i:07}", "account": DEFAULT_ACCOUNT} for i in range(2000)]
    sandbox.control.post("/numbers", json=held).raise_for_status()
    assert buy_ten() < 10 * alone + 1  # a look at each of them would take a hundred times as long


def test_a_seeded_number_shows_its_signs_of_use(sandbox: SandboxServer, api: httpx2.Client) -> None:
    signs = {"messaging_profile_id": "abc85f64-5717-4562-b3fc-2c9600000000", "emergency_enabled": True}
    sell(sandbox, "+14155553001", account=DEFAULT_ACCOUNT, wire=signs | {"connection_id": "77", "tags": ["pbx"]})
    row = api.get("/phone_numbers/+14155553001").json()["data"]
    assert {name: row[name] for name in signs} == signs
    assert (row["connection_id"], row["tags"], row["call_recording_enabled"]) == ("77", ["pbx"], False)
