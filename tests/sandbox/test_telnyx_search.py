"""The sandbox's Telnyx: search, coverage, balance, authentication and rate headers."""

from __future__ import annotations

import time
from collections.abc import Iterator

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
    search,
    sell,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.server import environment

RATE_HEADERS = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    with client_of(sandbox) as client:
        yield client


def test_search_needs_a_country(api: httpx2.Client) -> None:
    answer = api.get("/available_phone_numbers")
    assert error_of(answer) == (400, "10004")
    assert answer.json()["errors"][0]["source"] == {"parameter": "filter[country_code]"}


def test_an_offer_shows_price_place_and_features(api: httpx2.Client) -> None:
    (offer,) = search(api, national_destination_code="415", limit=1)
    assert offer["phone_number"].startswith("+1415")
    assert offer["cost_information"] == {"upfront_cost": "1.00", "monthly_cost": "1.00", "currency": "USD"}
    assert {"name": "voice"} in offer["features"]
    assert {"region_type": "state", "region_name": "CA"} in offer["region_information"]
    assert offer["best_effort"] is False


def test_ten_results_unless_asked_and_fifty_at_most(api: httpx2.Client) -> None:
    assert len(search(api)) == 10
    assert len(search(api, limit=3)) == 3
    assert len(search(api, limit=250)) == 50
    assert error_of(api.get("/available_phone_numbers?filter[country_code]=US&filter[limit]=0")) == (400, "10015")


@pytest.mark.parametrize(
    "spelling",
    ["filter[features][]=voice&filter[features][]=sms", "filter[features]=voice&filter[features]=sms",
     "filter[features]=voice,sms"],
)  # fmt: skip
def test_features_in_all_three_spellings(sandbox: SandboxServer, api: httpx2.Client, spelling: str) -> None:
    sandbox.control.delete("/numbers")
    sell(sandbox, "+14155550101", sms=False)
    sell(sandbox, "+14155550102", voice=False)
    sell(sandbox, "+14155550103")
    found = api.get(f"/available_phone_numbers?filter[country_code]=US&{spelling}").json()["data"]
    assert numbers_in(found) == ["+14155550103"]


def test_patterns_leave_out_the_country_code_and_a_given_area_code(sandbox: SandboxServer, api: httpx2.Client) -> None:
    sandbox.control.delete("/numbers")
    sell(sandbox, "+14155550199")
    assert search(api, phone_number__starts_with="415555")
    assert not search(api, phone_number__starts_with="1415")
    assert search(api, national_destination_code="415", phone_number__starts_with="5550")
    assert not search(api, national_destination_code="415", phone_number__starts_with="415")
    assert search(api, phone_number__contains="5501")
    assert search(api, phone_number__ends_with="0199")
    assert not search(api, phone_number__ends_with="019")


def test_a_wildcard_finds_nothing(api: httpx2.Client) -> None:
    assert search(api, phone_number__contains="415*") == []


@pytest.mark.parametrize(
    ("filters", "prefix"),
    [
        ({"phone_number_type": "toll_free"}, "+1888"),
        ({"locality": "seattle"}, "+1206"),
        ({"administrative_area": "MA"}, "+1617"),
        ({"rate_center": "MIAMI"}, "+1305"),
        ({"country_code": "CA", "national_destination_code": "604"}, "+1604"),
        ({"country_code": "GB", "phone_number_type": "mobile"}, "+447"),
        ({"country_code": "DE", "national_destination_code": "030"}, "+4930"),
    ],
)
def test_filters_by_place_and_type(api: httpx2.Client, filters: dict[str, str], prefix: str) -> None:
    found = numbers_in(search(api, **filters))
    assert found
    assert all(number.startswith(prefix) for number in found)


def test_best_effort_adds_marked_numbers_from_elsewhere(api: httpx2.Client) -> None:
    exact = search(api, national_destination_code="415", phone_number__ends_with="001", limit=5)
    mixed = search(api, national_destination_code="415", phone_number__ends_with="001", limit=5, best_effort="true")
    assert [o["best_effort"] for o in exact] == [False]
    assert [o["best_effort"] for o in mixed] == [False, True, True, True, True]


def test_quickship_leaves_out_numbers_that_need_days(sandbox: SandboxServer, api: httpx2.Client) -> None:
    sandbox.control.delete("/numbers")
    sell(sandbox, "+18885550101", type="toll_free", wire={"quickship": False})
    assert [o["quickship"] for o in search(api)] == [False]
    assert search(api, quickship="true") == []


def test_an_unknown_filter_is_refused(api: httpx2.Client) -> None:
    answer = api.get("/available_phone_numbers?filter[country_code]=US&filter[areacode]=415")
    assert error_of(answer) == (400, "10032")


def test_a_released_number_comes_first_for_its_old_holder_unless_excluded(
    sandbox: SandboxServer, api: httpx2.Client
) -> None:
    account(sandbox, ELSEWHERE, secret=ELSEWHERE_KEY)
    number = bought(api)
    assert api.delete(f"/phone_numbers/{number}").status_code == 200
    assert numbers_in(search(api))[0] == number
    assert numbers_in(search(api, only_reserved_numbers="true")) == [number]
    assert number not in numbers_in(search(api, exclude_held_numbers="true", limit=50))
    with client_of(sandbox, ELSEWHERE_KEY) as other:
        assert number not in numbers_in(search(other, limit=50))


def test_a_trial_sees_only_local_numbers_of_its_country_in_full(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, trial=True)
    assert all(number[1:].isdecimal() for number in numbers_in(search(api, phone_number_type="local")))
    assert set(numbers_in(search(api, country_code="DE"))) == {"+49302xxxxxxx"}
    assert set(numbers_in(search(api, phone_number_type="toll_free"))) == {"+1888-------"}
    british = search(api, country_code="GB", phone_number_type="mobile")
    assert set(numbers_in(british)) == {"+4474001xxxxx"}
    switch(sandbox, redact_for_trial=False)
    assert all(number[1:].isdecimal() for number in numbers_in(search(api, country_code="DE")))


def test_a_trial_of_another_country_and_an_unverified_account_see_american_numbers_masked(
    sandbox: SandboxServer, api: httpx2.Client
) -> None:
    sell(sandbox, "+17795553001")
    for extra, trial in (({"country": "GB"}, True), ({"level": "unverified"}, False)):
        account(sandbox, trial=trial, extra=extra)
        assert numbers_in(search(api, national_destination_code="779")) == ["+1779-------"]


def test_coverage_counts_the_stock_by_area_code(api: httpx2.Client) -> None:
    query = {"filter[groupBy]": "national_destination_code", "filter[count]": "true"}
    groups = {item["group"]: item for item in api.get("/inventory_coverage", params=query).json()["data"]}
    assert groups["415"]["count"] == 40
    assert groups["888"]["phone_number_type"] == "toll_free"
    query = {"filter[country_code]": "CA", "filter[groupBy]": "locality"}
    answer = api.get("/inventory_coverage", params=query).json()
    assert [item["group"] for item in answer["data"]] == ["Toronto", "Vancouver"]
    assert answer["meta"] == {"total_results": 2}


def test_coverage_refuses_an_unknown_group(api: httpx2.Client) -> None:
    assert error_of(api.get("/inventory_coverage?filter[groupBy]=planet")) == (400, "10015")


def test_balance_goes_down_with_a_purchase(api: httpx2.Client) -> None:
    assert api.get("/balance").json()["data"]["balance"] == "100.00"
    bought(api)
    assert api.get("/balance").json()["data"]["available_credit"] == "98.00"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer"}])
def test_a_wrong_key_is_401_10009(sandbox: SandboxServer, header: dict[str, str]) -> None:
    answer = httpx2.get(f"{sandbox.url}/v2/balance", headers=header)
    assert error_of(answer) == (401, "10009")
    assert set(answer.headers) >= RATE_HEADERS


def test_every_answer_carries_the_rate_headers(sandbox: SandboxServer, api: httpx2.Client) -> None:
    for path, status in (("/balance", 200), ("/available_phone_numbers", 400), ("/phone_numbers/1", 404)):
        answer = api.get(path)
        assert answer.status_code == status
        assert set(answer.headers) >= RATE_HEADERS
    sandbox.fault(provider="telnyx", operation="balance.get", status=429, times=1)
    answer = api.get("/balance")
    assert error_of(answer) == (429, "10011")
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert int(answer.headers["x-ratelimit-reset"]) > 0


def test_more_requests_than_the_limit_are_429(sandbox: SandboxServer, api: httpx2.Client) -> None:
    switch(sandbox, rate_limit=2)
    answers = [api.get("/balance") for _ in range(7)]  # in seven quick requests at most one second ends
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert error_of(refused[0]) == (429, "10011")
    assert refused[0].headers["x-ratelimit-limit"] == "2"
    assert api.get("/phone_numbers").status_code == 200


@pytest.mark.parametrize(("status", "code"), [(500, "10007"), (503, "10007"), (403, "10010"), (404, "10005")])
def test_a_fault_is_worded_as_telnyx_would(sandbox: SandboxServer, api: httpx2.Client, status: int, code: str) -> None:
    sandbox.fault(provider="telnyx", operation="phone_numbers.list", status=status, times=1)
    assert error_of(api.get("/phone_numbers")) == (status, code)


def test_the_settings_for_the_sandbox_open_the_default_account(sandbox: SandboxServer) -> None:
    settings = environment(sandbox.url)
    url, key = settings["TELNYX_BASE_URL"], settings["TELNYX_API_KEY"]
    assert httpx2.get(f"{url}/balance", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_a_search_in_a_large_stock_is_quick(sandbox: SandboxServer, api: httpx2.Client) -> None:
    stock = [{"carrier": "telnyx", "number": f"+1929{i:07}"} for i in range(100_000)]
    sandbox.control.post("/numbers", json=stock, timeout=60).raise_for_status()
    search(api, national_destination_code="929", limit=5)
    start = time.process_time()
    for _ in range(5):
        assert len(search(api, national_destination_code="929", limit=5)) == 5
    assert (time.process_time() - start) / 5 < 1  # a look at each of them would take longer
