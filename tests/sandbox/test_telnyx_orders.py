"""The sandbox's Telnyx: what becomes of a number order, and all it can be refused for."""

from __future__ import annotations

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
    look,
    numbers_in,
    order,
    post_order,
    search,
    sell,
    switch,
)
from tests.support.sandbox_server import SandboxServer


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    with client_of(sandbox) as client:
        yield client


@pytest.fixture
def offered(api: httpx2.Client) -> list[str]:
    """Numbers that the account has just got from a search."""
    return numbers_in(search(api, limit=5))


@pytest.fixture
def papers(api: httpx2.Client) -> str:
    """A number that the account has just searched and that needs documents."""
    return numbers_in(search(api, country_code="DE", limit=1))[0]


def money(api: httpx2.Client) -> str:
    return str(api.get("/balance").json()["data"]["balance"])


def status_of(api: httpx2.Client, number: str) -> int:
    return api.get(f"/phone_numbers/{number}").status_code


def test_an_order_is_pending_then_success(sandbox: SandboxServer, api: httpx2.Client, offered: list[str]) -> None:
    switch(sandbox, order_polls=2)
    made = order(api, offered[0], customer_reference="attempt-1", connection_id="12345")
    assert (made["status"], made["customer_reference"], made["connection_id"]) == ("pending", "attempt-1", "12345")
    assert [look(api, made)["status"] for _ in range(4)] == ["pending", "pending", "success", "success"]
    (number,) = api.get("/phone_numbers").json()["data"]
    assert (number["phone_number"], number["status"]) == (offered[0], "active")
    assert (number["customer_reference"], number["connection_id"]) == ("attempt-1", "12345")


def test_looking_for_the_number_moves_its_order_on_too(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    switch(sandbox, order_polls=1)
    order(api, offered[0])
    counts = [api.get("/phone_numbers").json()["meta"]["total_results"] for _ in range(2)]
    assert counts == [0, 1]


def test_an_ordered_number_counts_as_held_at_once(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    order(api, offered[0])
    (held,) = sandbox.held("telnyx")
    assert (held["number"], held["wire"]["status"]) == (offered[0], "purchase-pending")
    assert money(api) == "98.00"


def test_an_order_can_fail_and_the_money_returns(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    switch(sandbox, order_polls=0, order_result="failure")
    made = order(api, offered[0])
    answer = look(api, made)
    assert (answer["status"], answer["phone_numbers"][0]["status"]) == ("failure", "failure")
    assert sandbox.held("telnyx") == []
    assert money(api) == "100.00"
    assert status_of(api, offered[0]) == 404


def test_the_id_of_a_line_is_not_the_id_of_the_number(api: httpx2.Client) -> None:
    number = bought(api)
    line = api.get("/number_orders").json()["data"][0]["phone_numbers"][0]
    assert line["phone_number"] == number
    assert error_of(api.get(f"/phone_numbers/{line['id']}")) == (404, "10005")
    found = api.get(f"/phone_numbers/{number}").json()["data"]
    assert found["id"].isdecimal()
    assert found["id"] != line["id"]


def test_a_new_order_may_be_404_at_first(sandbox: SandboxServer, api: httpx2.Client, offered: list[str]) -> None:
    switch(sandbox, order_unseen_polls=2, order_polls=0)
    made = order(api, offered[0], customer_reference="a1")
    assert error_of(api.get(f"/number_orders/{made['id']}")) == (404, "10005")
    assert api.get("/number_orders", params={"filter[customer_reference]": "a1"}).json()["data"] == []
    assert look(api, made)["status"] == "success"


def test_a_number_may_show_later_than_its_order_succeeds(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    switch(sandbox, order_polls=0, number_unseen_polls=2)
    assert look(api, order(api, offered[0]))["status"] == "success"
    assert status_of(api, offered[0]) == 404
    assert api.get("/phone_numbers").json()["data"] == []
    assert sandbox.held("telnyx")[0]["wire"]["status"] == "purchase-pending"
    assert status_of(api, offered[0]) == 200
    assert sandbox.held("telnyx")[0]["wire"]["status"] == "active"


def test_a_listing_can_show_numbers_that_are_not_bought_yet(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    switch(sandbox, order_polls=5, list_pending=True)
    order(api, offered[0])
    (number,) = api.get("/phone_numbers").json()["data"]
    assert (number["phone_number"], number["status"]) == (offered[0], "purchase-pending")
    assert api.get("/phone_numbers", params={"filter[status]": "purchase_pending"}).json()["data"] == [number]
    assert api.get("/phone_numbers", params={"filter[status]": "active"}).json()["data"] == []


def test_the_reference_may_stay_on_the_order(sandbox: SandboxServer, api: httpx2.Client) -> None:
    switch(sandbox, reference_on_numbers=False)
    number = bought(api, customer_reference="attempt-1")
    assert api.get(f"/phone_numbers/{number}").json()["data"]["customer_reference"] is None
    (found,) = api.get("/number_orders", params={"filter[customer_reference]": "attempt-1"}).json()["data"]
    assert numbers_in(found["phone_numbers"]) == [number]


def test_one_order_of_several_numbers(api: httpx2.Client, offered: list[str]) -> None:
    made = order(api, *offered[:3])
    assert made["phone_numbers_count"] == 3
    assert len(made["sub_number_orders_ids"]) == 1
    look(api, made)
    assert [line["status"] for line in look(api, made)["phone_numbers"]] == ["success"] * 3


def test_a_lost_answer_is_found_by_the_reference(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    sandbox.fault(provider="telnyx", operation="number_orders.create", kind="drop", when="after", times=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        post_order(api, offered[0], customer_reference="attempt-7")
    (found,) = api.get("/number_orders", params={"filter[customer_reference]": "attempt-7"}).json()["data"]
    assert numbers_in(found["phone_numbers"]) == [offered[0]]
    assert len(sandbox.held("telnyx")) == 1


def test_orders_are_listed_newest_first_and_filtered(api: httpx2.Client, offered: list[str]) -> None:
    first, second = order(api, offered[0], customer_reference="r1"), order(api, *offered[1:3])

    def ids(**filters: str) -> list[str]:
        answer = api.get("/number_orders", params={f"filter[{k}]": v for k, v in filters.items()})
        return [item["id"] for item in answer.json()["data"]]

    assert ids() == [second["id"], first["id"]]
    assert ids(status="success") == [second["id"], first["id"]]
    assert ids(customer_reference="r1") == [first["id"]]
    assert ids(customer_reference="other") == []
    assert ids(phone_numbers_count="2") == [second["id"]]
    assert ids(requirements_met="false") == []
    assert api.get("/number_orders?filter[created_at][gt]=2100-01-01").json()["data"] == []
    assert len(api.get("/number_orders?filter[created_at][lt]=2100-01-01&page[size]=1").json()["data"]) == 1
    assert error_of(api.get("/number_orders?filter[phone_numbers_count]=many")) == (400, "10015")


def test_the_reference_of_an_order_can_be_changed(api: httpx2.Client, offered: list[str]) -> None:
    made = order(api, offered[0])
    answer = api.patch(f"/number_orders/{made['id']}", json={"customer_reference": "later"})
    assert answer.json()["data"]["customer_reference"] == "later"
    assert error_of(api.patch(f"/number_orders/{made['id']}", json={"customer_reference": 5})) == (422, "10015")


def test_papers_missing_keep_an_order_pending_until_it_is_cancelled(
    sandbox: SandboxServer, api: httpx2.Client, papers: str
) -> None:
    switch(sandbox, order_polls=0)
    made = order(api, papers)
    for _ in range(3):
        answer = look(api, made)
        assert (answer["status"], answer["requirements_met"]) == ("pending", False)
    (line,) = answer["phone_numbers"]
    assert line["requirements_status"] == "requirement-info-pending"
    assert line["regulatory_requirements"]
    assert "deadline" in api.get(f"/number_order_phone_numbers/{line['id']}").json()["data"]
    assert status_of(api, papers) == 404
    assert len(sandbox.held("telnyx")) == 1

    (sub,) = made["sub_number_orders_ids"]
    cancelled = api.patch(f"/sub_number_orders/{sub}/cancel")
    assert (cancelled.status_code, cancelled.json()["data"]["order_request_id"]) == (200, made["id"])
    assert look(api, made)["status"] == "failure"
    assert look(api, made)["phone_numbers"][0]["requirements_status"] == "cancelled"
    assert sandbox.held("telnyx") == []
    assert money(api) == "100.00"
    assert error_of(api.patch(f"/sub_number_orders/{sub}/cancel")) == (422, "10015")


def test_a_cancelled_order_may_be_called_so(sandbox: SandboxServer, api: httpx2.Client, papers: str) -> None:
    switch(sandbox, cancelled_status="cancelled")
    made = order(api, papers)
    api.patch(f"/sub_number_orders/{made['sub_number_orders_ids'][0]}/cancel")
    assert look(api, made)["status"] == "cancelled"


def test_a_requirement_group_meets_the_requirements(sandbox: SandboxServer, api: httpx2.Client, papers: str) -> None:
    switch(sandbox, order_polls=0)
    line = {"phone_number": papers, "requirement_group_id": "dbbd94ee-9079-488f-80ba-f566b247fd79"}
    made = api.post("/number_orders", json={"phone_numbers": [line]}).json()["data"]
    assert (made["requirements_met"], look(api, made)["status"]) == (True, "success")


def test_parts_of_an_order_are_decided_on_their_own(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str], papers: str
) -> None:
    switch(sandbox, order_polls=0)
    made = order(api, offered[0], papers)
    assert len(made["sub_number_orders_ids"]) == 2
    answer = look(api, made)
    assert [line["status"] for line in answer["phone_numbers"]] == ["success", "pending"]
    assert answer["status"] == "pending"
    subs = [api.get(f"/sub_number_orders/{sub}").json()["data"] for sub in made["sub_number_orders_ids"]]
    assert [(s["country_code"], s["status"]) for s in subs] == [("US", "success"), ("DE", "pending")]
    assert error_of(api.patch(f"/sub_number_orders/{subs[0]['id']}/cancel")) == (422, "10015")


def test_85000_unless_the_account_has_searched_it(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    account(sandbox, ELSEWHERE, secret=ELSEWHERE_KEY)
    with client_of(sandbox, ELSEWHERE_KEY) as other:
        assert error_of(post_order(other, offered[0])) == (422, "85000")
    switch(sandbox, search_seconds=0)
    assert error_of(post_order(api, offered[0])) == (422, "85000")


def test_85001_when_somebody_else_was_quicker(sandbox: SandboxServer, api: httpx2.Client, offered: list[str]) -> None:
    account(sandbox, ELSEWHERE, secret=ELSEWHERE_KEY)
    with client_of(sandbox, ELSEWHERE_KEY) as other:
        order(other, numbers_in(search(other, limit=1))[0])
    assert error_of(post_order(api, offered[0])) == (422, "85001")
    sandbox.control.delete("/numbers")
    assert error_of(post_order(api, offered[1])) == (422, "85001")


def test_85006_when_it_is_reserved_for_somebody_else(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    sell(sandbox, offered[0], held_for=ELSEWHERE)
    answer = post_order(api, offered[0])
    assert error_of(answer) == (422, "85006")
    assert answer.json()["errors"][0]["source"] == {"pointer": "/phone_numbers/0"}
    switch(sandbox, refusal_status=400)
    assert error_of(post_order(api, offered[0])) == (400, "85006")


def test_409_for_a_number_that_the_account_owns_or_has_ordered(api: httpx2.Client, offered: list[str]) -> None:
    order(api, offered[0])
    assert error_of(post_order(api, offered[0])) == (409, "10012")
    number = bought(api)
    assert error_of(post_order(api, number)) == (409, "10012")


def test_402_without_funds(sandbox: SandboxServer, api: httpx2.Client, offered: list[str]) -> None:
    account(sandbox, balance="1.99")
    assert error_of(post_order(api, offered[0])) == (402, "20100")
    account(sandbox, balance="2.00")
    order(api, offered[0])
    assert money(api) == "0.00"


def test_a_trial_gets_one_local_number_for_life(sandbox: SandboxServer, api: httpx2.Client, papers: str) -> None:
    account(sandbox, trial=True)
    toll_free = numbers_in(search(api, phone_number_type="local", limit=3))
    assert error_of(post_order(api, papers)) == (403, "10038")
    assert error_of(post_order(api, *toll_free[:2])) == (403, "10039")
    order(api, toll_free[0])
    assert error_of(post_order(api, toll_free[1])) == (403, "10039")
    look_at = f"/phone_numbers/{toll_free[0]}"
    api.get(look_at)
    assert api.delete(look_at).status_code == 200
    assert error_of(post_order(api, toll_free[1])) == (403, "10039")
    switch(sandbox, trial_error="10038")
    assert error_of(post_order(api, toll_free[1])) == (403, "10038")
    account(sandbox, trial=False)
    order(api, toll_free[1])


def test_a_paid_account_gets_only_local_numbers_of_its_country(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, extra={"level": "paid", "country": "US"})
    toll_free = numbers_in(search(api, phone_number_type="toll_free", limit=1))[0]
    assert error_of(post_order(api, toll_free)) == (403, "10038")
    bought(api)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (422, "10004")),
        ({"phone_numbers": []}, (422, "10004")),
        ({"phone_numbers": ["+14155553001"]}, (422, "10004")),
        ({"phone_numbers": [{"phone_number": "4155553001"}]}, (422, "10016")),
        ({"phone_numbers": [{"phone_number": "+14155553001"}], "connection_id": "app"}, (422, "85004")),
        ({"phone_numbers": [{"phone_number": "+14155553001"}], "customer_reference": 7}, (422, "10015")),
        ([], (400, "10015")),
    ],
)
def test_a_malformed_order_is_refused(api: httpx2.Client, body: Any, refusal: tuple[int, str]) -> None:
    assert error_of(api.post("/number_orders", json=body)) == refusal


def test_an_order_that_is_not_json_is_refused(api: httpx2.Client) -> None:
    assert error_of(api.post("/number_orders", content=b"phone_numbers=1")) == (400, "10015")


def test_a_number_twice_in_one_order_is_refused(api: httpx2.Client, offered: list[str]) -> None:
    assert error_of(post_order(api, offered[0], offered[0])) == (422, "10012")


def test_another_accounts_order_is_404(sandbox: SandboxServer, api: httpx2.Client, offered: list[str]) -> None:
    account(sandbox, ELSEWHERE, secret=ELSEWHERE_KEY)
    made = order(api, offered[0])
    with client_of(sandbox, ELSEWHERE_KEY) as other:
        for path in (
            f"/number_orders/{made['id']}",
            f"/sub_number_orders/{made['sub_number_orders_ids'][0]}",
            f"/number_order_phone_numbers/{made['phone_numbers'][0]['id']}",
            f"/number_order_phone_numbers/{made['sub_number_orders_ids'][0]}",
            f"/sub_number_orders/{made['phone_numbers'][0]['id']}",
        ):
            assert error_of(other.get(path)) == (404, "10005")
        assert other.get("/number_orders").json()["data"] == []
    assert error_of(api.get(f"/sub_number_orders/{made['phone_numbers'][0]['id']}")) == (404, "10005")
    assert error_of(api.get(f"/number_order_phone_numbers/{made['sub_number_orders_ids'][0]}")) == (404, "10005")


def with_papers(api: httpx2.Client, number: str) -> dict[str, Any]:
    line = {"phone_number": number, "requirement_group_id": "dbbd94ee-9079-488f-80ba-f566b247fd79"}
    answer = api.post("/number_orders", json={"phone_numbers": [line]})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def test_papers_are_reviewed_before_an_order_succeeds(sandbox: SandboxServer, api: httpx2.Client, papers: str) -> None:
    switch(sandbox, order_polls=0, review_seconds=0.3)
    made = with_papers(api, papers)
    for order_ in (made, look(api, made)):
        (line,) = order_["phone_numbers"]
        assert (order_["status"], order_["requirements_met"]) == ("pending", False)
        assert (line["requirements_met"], line["requirements_status"]) == (False, "requirement-info-under-review")
    deadline = time.monotonic() + 60
    while (now := look(api, made))["status"] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (now["status"], now["requirements_met"]) == ("success", True)
    assert now["phone_numbers"][0]["requirements_status"] == "approved"


def test_a_review_may_end_with_an_exception(sandbox: SandboxServer, api: httpx2.Client, papers: str) -> None:
    switch(sandbox, order_polls=0, review_result="exception")
    answer = look(api, with_papers(api, papers))
    assert (answer["status"], answer["requirements_met"]) == ("pending", False)
    assert answer["phone_numbers"][0]["requirements_status"] == "requirement-info-exception"


def test_a_review_does_not_touch_orders_without_papers(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    switch(sandbox, order_polls=0, review_seconds=3600)
    assert look(api, order(api, offered[0]))["status"] == "success"


def test_what_is_due_at_once_is_shown_and_paid(sandbox: SandboxServer, api: httpx2.Client) -> None:
    sell(sandbox, "+13125553999", price="2.00", upfront="50.00")
    (item,) = search(api, national_destination_code="312", phone_number__ends_with="3999")
    assert item["cost_information"] == {"upfront_cost": "50.00", "monthly_cost": "2.00", "currency": "USD"}
    order(api, "+13125553999")
    assert money(api) == "48.00"
    account(sandbox, balance="51.99")
    sell(sandbox, "+13125553998", price="2.00", upfront="50.00")
    search(api, national_destination_code="312", phone_number__ends_with="3998")
    assert error_of(post_order(api, "+13125553998")) == (402, "20100")


def test_an_unverified_account_is_refused_in_so_many_words(
    sandbox: SandboxServer, api: httpx2.Client, offered: list[str]
) -> None:
    account(sandbox, extra={"level": "unverified"})
    assert error_of(post_order(api, offered[0])) == (403, "20014")
    account(sandbox, extra={"refused": "20012"})
    assert error_of(api.get("/phone_numbers")) == (403, "20012")
    account(sandbox, extra={})
    order(api, offered[0])
