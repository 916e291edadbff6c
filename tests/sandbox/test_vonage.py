"""The sandbox's Vonage: search, buy, update, cancel, list, and all they can be refused for."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.sandbox.vonage_client import (
    DONE,
    FAILED,
    NOT_YOU,
    account,
    buy,
    client_of,
    owned,
    post,
    search,
    stock,
    switch,
)
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.server import environment
from trunkline.sandbox.vonage import DEFAULT_ACCOUNT, DEFAULT_SECRET

NUMBER = "14155554001"


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[httpx2.Client]:
    with client_of(sandbox) as client:
        yield client


def refused(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json()) == (420, FAILED)


def test_a_search_shows_type_cost_in_euro_and_setup(api: httpx2.Client) -> None:
    answer = api.get("/number/search", params={"country": "GB", "type": "mobile-lvn", "size": 1})
    assert answer.json() == {
        "count": 20,
        "numbers": [
            {
                "country": "GB",
                "msisdn": "447400124001",
                "type": "mobile-lvn",
                "cost": "1.25",
                "initialPrice": "1.00",
                "features": ["SMS", "VOICE"],
            }
        ],
    }
    assert answer.headers["x-nexmo-trace-id"]


def test_us_local_numbers_are_mobile_lvn(api: httpx2.Client) -> None:
    assert len(search(api, type="mobile-lvn", size=100)) == 100
    assert search(api, type="landline") == []
    assert all(msisdn.startswith("1888") for msisdn in search(api, type="landline-toll-free"))
    assert search(api, country="GB", type="landline")


@pytest.mark.parametrize(
    ("where", "pattern", "found"),
    [
        (0, "1415", True),
        (0, "415", False),
        (0, "+1415", False),
        (1, "5554", True),
        (1, "+1415", False),
        (1, "4*5", False),
        (2, "001", True),
        (2, "00", False),
        (None, "1415", True),
        (None, "5554", False),
    ],
)
def test_patterns_include_the_country_code(
    sandbox: SandboxServer, api: httpx2.Client, where: int | None, pattern: str, found: bool
) -> None:
    sandbox.control.delete("/numbers")
    stock(sandbox, f"+{NUMBER}")
    query = {"pattern": pattern} | ({} if where is None else {"search_pattern": where})
    assert search(api, **query) == ([NUMBER] if found else [])
    buy(api, NUMBER)
    assert [number["msisdn"] for number in owned(api, **query)] == ([NUMBER] if found else [])


def test_no_match_is_an_empty_object(api: httpx2.Client) -> None:
    assert api.get("/number/search?country=US&pattern=1999").json() == {}
    assert api.get("/number/search?country=IS").json() == {}
    assert api.get("/account/numbers").json() == {}


def test_pages_of_a_search(api: httpx2.Client) -> None:
    assert len(search(api)) == 10
    assert len(search(api, size=100)) == 100
    pages = [search(api, pattern="1415", size=15, index=index) for index in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [15, 15, 10, 0]
    assert len({msisdn for page in pages for msisdn in page}) == 40


def test_the_order_of_features_matters(sandbox: SandboxServer, api: httpx2.Client) -> None:
    for features in ("VOICE", "SMS,VOICE", "SMS,MMS", "VOICE,MMS", "SMS,MMS,VOICE"):
        assert search(api, features=features), features
    for features in ("VOICE,SMS", "SMS,VOICE,MMS"):
        assert search(api, features=features) == [], features
    switch(sandbox, feature_order_matters=False)
    assert search(api, features="SMS,VOICE,MMS")
    assert search(api, features="SMS", type="landline-toll-free") == []


@pytest.mark.parametrize(
    "query", ["size=101", "size=0", "index=0", "index=x", "search_pattern=3", "type=local", "features=FAX"]
)
def test_an_unusable_search_is_420(api: httpx2.Client, query: str) -> None:
    assert refused(api.get(f"/number/search?country=US&{query}"))


def test_a_search_needs_a_country(api: httpx2.Client) -> None:
    answer = api.get("/number/search")
    assert (answer.status_code, answer.json()) == (400, {"country": "Is required."})


def test_bought_listed_updated_cancelled(sandbox: SandboxServer, api: httpx2.Client) -> None:
    buy(api, NUMBER)
    (number,) = owned(api)
    assert number == {
        "country": "US",
        "msisdn": NUMBER,
        "type": "mobile-lvn",
        "features": ["SMS", "MMS", "VOICE"],
    }
    assert NUMBER not in search(api, pattern=NUMBER)
    assert sandbox.held("vonage")[0]["number"] == f"+{NUMBER}"
    assert api.get("/account/get-balance").json() == {"value": 99.1, "autoReload": False}

    answer = post(api, "update", NUMBER, app_id="app-1", moHttpUrl="https://example.com/mo")
    assert answer.json() == DONE
    (number,) = owned(api)
    assert (number["app_id"], number["moHttpUrl"]) == ("app-1", "https://example.com/mo")

    assert post(api, "cancel", NUMBER).json() == DONE
    assert refused(post(api, "cancel", NUMBER))
    assert sandbox.held("vonage") == []
    assert owned(api) == []
    assert search(api, pattern=NUMBER) == [NUMBER]


def test_an_update_replaces_everything(api: httpx2.Client) -> None:
    buy(api, NUMBER)
    post(api, "update", NUMBER, app_id="app-1", voiceCallbackType="sip", voiceCallbackValue="sip:a@example.com")
    post(api, "update", NUMBER, voiceCallbackType="tel", voiceCallbackValue="14155550100", moHttpUrl="")
    (number,) = owned(api)
    assert "app_id" not in number
    assert "moHttpUrl" not in number
    assert (number["voiceCallbackType"], number["voiceCallbackValue"]) == ("tel", "14155550100")


@pytest.mark.parametrize(
    "fields",
    [
        {"voiceCallbackType": "sip"},
        {"voiceCallbackValue": "14155550100"},
        {"voiceCallbackType": "fax", "voiceCallbackValue": "1"},
    ],
)
def test_an_unusable_update_is_420(api: httpx2.Client, fields: dict[str, str]) -> None:
    buy(api, NUMBER)
    assert refused(post(api, "update", NUMBER, **fields))


@pytest.mark.parametrize("what", ["buy", "update", "cancel"])
def test_only_a_form_body_counts(sandbox: SandboxServer, api: httpx2.Client, what: str) -> None:
    path, query = f"/number/{what}", {"country": "US", "msisdn": NUMBER}
    if what != "buy":
        buy(api, NUMBER)
    assert refused(api.post(path, params=query))
    both = {"country": "Is required.", "msisdn": "Is required."}
    for answer in (
        api.post(path),
        api.post(path, json=query),
        api.post(path, content=f"country=US&msisdn={NUMBER}".encode(), headers={"Content-Type": "application/json"}),
    ):
        assert (answer.status_code, answer.json()) == (400, both)
    answer = api.post(path, data={"msisdn": NUMBER})
    assert (answer.status_code, answer.json()) == (400, {"country": "Is required."})
    assert len(sandbox.held("vonage")) == (0 if what == "buy" else 1)


@pytest.mark.parametrize("what", ["buy", "update", "cancel"])
@pytest.mark.parametrize(
    ("msisdn", "country"), [(f"+{NUMBER}", "US"), (NUMBER, "GB"), ("14159999999", "US"), ("4155554001", "US")]
)
def test_a_number_that_is_not_named_rightly_is_420(api: httpx2.Client, what: str, msisdn: str, country: str) -> None:
    if what != "buy":
        buy(api, NUMBER)
    assert refused(post(api, what, msisdn, country))


def test_a_number_is_bought_once(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, "other", secret="other-secret")
    buy(api, NUMBER)
    assert refused(post(api, "buy", NUMBER))
    with client_of(sandbox, "other", "other-secret") as other:
        for what in ("buy", "update", "cancel"):
            assert refused(post(other, what, NUMBER))
        assert owned(other) == []
    assert len(owned(api)) == 1


def test_no_money_is_the_same_420(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, balance="2.24")
    assert refused(post(api, "buy", "442079464001", "GB"))
    account(sandbox, balance="2.25")
    assert post(api, "buy", "442079464001", "GB").json() == DONE
    assert api.get("/account/get-balance").json()["value"] == 0.0


@pytest.mark.parametrize(("msisdn", "country"), [("3319901001", "FR"), ("493023126001", "DE")])
def test_some_countries_are_sold_in_the_dashboard_only(api: httpx2.Client, msisdn: str, country: str) -> None:
    assert search(api, country=country, pattern=msisdn) == [msisdn]
    answer = post(api, "buy", msisdn, country)
    assert (answer.status_code, answer.json()["error-code"]) == (420, "420")
    assert "require a valid local address" in answer.json()["error-code-label"]


def test_failures_may_come_with_status_200(sandbox: SandboxServer, api: httpx2.Client) -> None:
    switch(sandbox, error_in_200=True)
    answer = post(api, "cancel", NUMBER)
    assert (answer.status_code, answer.json()) == (200, FAILED)
    answer = api.post("/number/buy", data={"msisdn": NUMBER})
    assert answer.status_code == 400


def test_an_account_without_credit_may_be_401_at_the_purchase(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, trial=True)
    switch(sandbox, trial_may_buy=False)
    assert search(api)
    answer = post(api, "buy", NUMBER)
    assert (answer.status_code, answer.json()) == (401, NOT_YOU)
    account(sandbox, trial=False)
    buy(api, NUMBER)


def test_a_bought_number_may_be_listed_late(sandbox: SandboxServer, api: httpx2.Client) -> None:
    switch(sandbox, listing_lag=2)
    buy(api, NUMBER)
    assert [len(owned(api)) for _ in range(3)] == [0, 0, 1]
    assert len(sandbox.held("vonage")) == 1


def test_a_subaccount_gets_what_its_parent_buys_for_it(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, "sub", secret="sub-secret", extra={"parent": DEFAULT_ACCOUNT})
    account(sandbox, "stranger", secret="stranger-secret")
    assert refused(post(api, "buy", NUMBER, target_api_key="stranger"))
    assert refused(post(api, "buy", NUMBER, target_api_key="nobody"))
    buy(api, NUMBER, target_api_key="sub")
    assert owned(api) == []
    with client_of(sandbox, "sub", "sub-secret") as sub:
        assert [number["msisdn"] for number in owned(sub)] == [NUMBER]
    assert post(api, "cancel", NUMBER, target_api_key="sub").json() == DONE
    buy(api, NUMBER, target_api_key=DEFAULT_ACCOUNT)
    assert len(owned(api)) == 1


def test_owned_numbers_in_pages_with_their_total(sandbox: SandboxServer, api: httpx2.Client) -> None:
    stock(sandbox, *(f"+1929555{i:04}" for i in range(205)), account=DEFAULT_ACCOUNT)
    pages = [api.get("/account/numbers", params={"size": 100, "index": index}).json() for index in (1, 2, 3, 4)]
    assert [page.get("count") for page in pages] == [205, 205, 205, None]
    assert [len(page.get("numbers", [])) for page in pages] == [100, 100, 5, 0]
    assert len(owned(api)) == 10
    assert refused(api.get("/account/numbers?size=101"))


def test_owned_numbers_by_application_and_country(sandbox: SandboxServer, api: httpx2.Client) -> None:
    stock(sandbox, "+14155550101", account=DEFAULT_ACCOUNT, wire={"app_id": "app-1"})
    stock(sandbox, "+442079460101", account=DEFAULT_ACCOUNT, country="GB")

    def found(**query: str) -> list[str]:
        return [number["msisdn"] for number in owned(api, **query)]

    assert found(application_id="app-1") == ["14155550101"]
    assert found(application_id="app-2") == []
    assert found(has_application="true") == ["14155550101"]
    assert found(has_application="False") == ["442079460101"]  # as the official SDK spells it
    assert found(country="GB") == ["442079460101"]
    assert refused(api.get("/account/numbers?has_application=maybe"))


def test_a_lost_answer_left_the_number_bought(sandbox: SandboxServer, api: httpx2.Client) -> None:
    sandbox.fault(provider="vonage", operation="number.buy", kind="drop", when="after", times=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        post(api, "buy", NUMBER)
    assert [number["msisdn"] for number in owned(api, pattern=NUMBER, search_pattern=1)] == [NUMBER]
    assert refused(post(api, "buy", NUMBER))


@pytest.mark.parametrize("auth", [("nobody", "secret"), (DEFAULT_ACCOUNT, "wrong"), (DEFAULT_ACCOUNT, "")])
def test_a_wrong_key_is_401(sandbox: SandboxServer, auth: tuple[str, str]) -> None:
    for answer in (
        httpx2.get(f"{sandbox.url}/account/numbers", auth=auth),
        httpx2.get(f"{sandbox.url}/account/numbers", params={"api_key": auth[0], "api_secret": auth[1]}),
        httpx2.get(f"{sandbox.url}/account/numbers"),
        httpx2.get(f"{sandbox.url}/account/numbers", headers={"Authorization": "Basic ???"}),
    ):
        assert (answer.status_code, answer.json()) == (401, NOT_YOU)


def test_key_and_secret_may_be_in_the_query_and_are_not_logged(sandbox: SandboxServer) -> None:
    query = {"api_key": DEFAULT_ACCOUNT, "api_secret": DEFAULT_SECRET}
    answer = httpx2.post(
        f"{sandbox.url}/number/buy", params=query, data={"country": "US", "msisdn": NUMBER}, timeout=60
    )
    assert answer.json() == DONE
    assert DEFAULT_SECRET not in str(sandbox.requests(provider="vonage"))


@pytest.mark.parametrize(("status", "label"), [(429, "too many requests"), (420, "method failed"), (503, "failed")])
def test_a_fault_is_worded_as_vonage_would(sandbox: SandboxServer, api: httpx2.Client, status: int, label: str) -> None:
    sandbox.fault(provider="vonage", operation="number.search", status=status, times=1)
    answer = api.get("/number/search?country=US")
    assert (answer.status_code, answer.json()) == (
        status,
        {"error-code": str(status), "error-code-label": label},
    )


def test_the_private_key_of_an_application_is_shown_once(sandbox: SandboxServer, api: httpx2.Client) -> None:
    account(sandbox, "other", secret="other-secret")
    body = {"name": "vapi", "capabilities": {"voice": {"webhooks": {}}}}
    made = api.post("/v2/applications", json=body)
    assert (made.status_code, made.json()["name"]) == (201, "vapi")
    assert "private_key" in made.json()["keys"]
    path = f"/v2/applications/{made.json()['id']}"
    read = api.get(path).json()
    assert (read["capabilities"], "private_key" in read["keys"]) == (body["capabilities"], False)
    with client_of(sandbox, "other", "other-secret") as other:
        assert other.get(path).status_code == 404
    assert api.post("/v2/applications", json={}).status_code == 400


def test_the_settings_for_the_sandbox_open_the_default_account(sandbox: SandboxServer) -> None:
    settings = environment(sandbox.url)
    auth = settings["VONAGE_API_KEY"], settings["VONAGE_API_SECRET"]
    answer = httpx2.get(f"{settings['VONAGE_BASE_URL']}/account/get-balance", auth=auth)
    assert answer.json()["value"] == 100.0


def test_what_is_due_at_once_is_shown_and_paid(sandbox: SandboxServer) -> None:
    stock(sandbox, "+13125554999", price="2.00", upfront="50.00")
    with client_of(sandbox) as api:
        (offer,) = api.get("/number/search", params={"country": "US", "pattern": "13125554999"}).json()["numbers"]
        assert (offer["cost"], offer["initialPrice"]) == ("2.00", "50.00")
        buy(api, "13125554999")
        assert api.get("/account/get-balance").json()["value"] == 48.0


def test_a_seeded_number_shows_its_signs_of_use(sandbox: SandboxServer) -> None:
    signs = {"voiceCallbackType": "vxml", "voiceCallbackValue": "https://pbx.example/v.xml"}
    stock(sandbox, "+13125554999", account=DEFAULT_ACCOUNT, voice=False, sms=False, wire=signs)
    with client_of(sandbox) as api:
        (row,) = owned(api)
        assert (row["features"], {name: row[name] for name in signs}) == ([], signs)
        assert post(api, "update", "13125554999", **signs).json() == DONE


def test_a_key_may_ask_so_often_a_second(sandbox: SandboxServer) -> None:
    switch(sandbox, rate_limit=1)
    with client_of(sandbox) as api:
        statuses = [api.get("/account/get-balance").status_code for _ in range(4)]
    assert statuses[0] == 200
    assert 429 in statuses
