"""Who gets in at the sandbox's Twilio, accounts, test credentials, prices, faults."""

from __future__ import annotations

import httpx2
import pytest

from tests.sandbox.twilio_client import SUB, SUB_TOKEN, TwilioApi, refused
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.server import environment
from trunkline.sandbox.twilio import (
    DEFAULT_ACCOUNT,
    DEFAULT_API_KEY,
    DEFAULT_API_SECRET,
    DEFAULT_SECRET,
    TEST_ACCOUNT,
    TEST_SECRET,
)

MAIN_KEY = "SK" + "0" * 32


@pytest.fixture
def api(sandbox: SandboxServer) -> TwilioApi:
    return TwilioApi(sandbox)


@pytest.fixture
def keyed(sandbox: SandboxServer) -> TwilioApi:
    """The default account through its Standard API key."""
    return TwilioApi(sandbox, user=DEFAULT_API_KEY, password=DEFAULT_API_SECRET)


def denied(answer: httpx2.Response) -> None:
    refused(answer, 20003, "Authenticate", 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_wrong_or_missing_credentials_are_denied(sandbox: SandboxServer, api: TwilioApi) -> None:
    for user, password in ((DEFAULT_ACCOUNT, "wrong"), (DEFAULT_ACCOUNT, ""), ("AC" + "0" * 32, DEFAULT_SECRET)):
        denied(TwilioApi(sandbox, user=user, password=password).get("/IncomingPhoneNumbers.json"))
    denied(TwilioApi(sandbox, user=DEFAULT_API_KEY, password="wrong").get("/IncomingPhoneNumbers.json"))
    url = f"{sandbox.url}{api.base}/IncomingPhoneNumbers.json"
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic !"}, {"Authorization": "Basic eA=="}):
        denied(httpx2.get(url, headers=header))


def test_a_malformed_username_is_named(sandbox: SandboxServer) -> None:
    answer = TwilioApi(sandbox, user="somebody", password="x").get("/IncomingPhoneNumbers.json")
    refused(answer, 20003, "Authentication Error - invalid username", 401)


def test_a_standard_key_does_all_but_accounts(sandbox: SandboxServer, keyed: TwilioApi) -> None:
    keyed.buy("+14155550100")
    assert keyed.listed() == ["+14155550100"]
    assert keyed.balance() == "98.85"
    assert keyed.http.get("/v1/PhoneNumbers/Countries/US").status_code == 200
    denied(keyed.get(".json"))
    denied(keyed.post(".json", FriendlyName="x"))
    denied(keyed.http.get("/2010-04-01/Accounts.json"))


def test_a_main_key_reads_accounts(sandbox: SandboxServer, api: TwilioApi) -> None:
    api.set_account(extra={"api_keys": {MAIN_KEY: {"secret": "s", "main": True}}})
    assert TwilioApi(sandbox, user=MAIN_KEY, password="s").get(".json").json()["sid"] == DEFAULT_ACCOUNT


def test_a_parents_token_reaches_its_subaccounts_and_nothing_else_does(sandbox: SandboxServer, api: TwilioApi) -> None:
    sub = api.subaccount()
    parent_on_sub = TwilioApi(sandbox, SUB, user=DEFAULT_ACCOUNT)
    assert parent_on_sub.buy("+14155550100")["account_sid"] == SUB
    assert sub.listed() == ["+14155550100"]
    assert parent_on_sub.get(".json").json()["owner_account_sid"] == DEFAULT_ACCOUNT
    denied(TwilioApi(sandbox, SUB, user=DEFAULT_API_KEY, password=DEFAULT_API_SECRET).get("/IncomingPhoneNumbers.json"))
    denied(TwilioApi(sandbox, user=SUB, password=SUB_TOKEN).get("/IncomingPhoneNumbers.json"))
    denied(TwilioApi(sandbox, "AC" + "0" * 32, user=DEFAULT_ACCOUNT).get("/IncomingPhoneNumbers.json"))


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_a_suspended_or_closed_account_is_denied(sandbox: SandboxServer, api: TwilioApi, status: str) -> None:
    sub = api.subaccount()
    api.set_account(extra={"status": status})
    denied(api.get("/IncomingPhoneNumbers.json"))
    denied(api.get(".json"))
    denied(sub.get("/IncomingPhoneNumbers.json"))
    api.set_account(extra={})
    assert api.listed() == []


def test_a_parent_suspends_wakes_and_closes_a_subaccount(sandbox: SandboxServer, api: TwilioApi) -> None:
    sub, parent = api.subaccount(), TwilioApi(sandbox, SUB, user=DEFAULT_ACCOUNT)
    assert parent.post(".json", Status="suspended").json()["status"] == "suspended"
    denied(sub.get("/IncomingPhoneNumbers.json"))
    denied(parent.get("/IncomingPhoneNumbers.json"))
    assert parent.post(".json", Status="active").json()["status"] == "active"
    assert sub.listed() == []
    parent.post(".json", Status="closed")
    message = "Unable to update Status for subaccount, subaccount has been closed."
    refused(parent.post(".json", Status="active"), 21479, message)


def test_account_changes_that_are_refused(api: TwilioApi) -> None:
    sub = api.subaccount()
    refused(api.post(".json", Status="asleep"), 21475, "Unable to update Status, invalid Status.")
    refused(api.post(".json", Status="suspended"), 21477, "Unable to update Status for parent accounts")
    nested = sub.http.post("/2010-04-01/Accounts.json", data={"FriendlyName": "x"})
    refused(nested, 21101, "Subaccounts cannot contain subaccounts")


def test_one_subaccount_too_many(api: TwilioApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.sandbox.twilio.accounts.MAX_SUBACCOUNTS", 1)
    assert api.http.post("/2010-04-01/Accounts.json").status_code == 201
    answer = api.http.post("/2010-04-01/Accounts.json")
    refused(answer, 21480, "Unable to create subaccount, too many subaccounts")


def test_accounts_are_listed_by_page_name_and_status(api: TwilioApi) -> None:
    api.subaccount(friendly_name="branch", status="suspended")

    def sids(**query: str | int) -> list[str]:
        return [a["sid"] for a in api.http.get("/2010-04-01/Accounts.json", params=query).json()["accounts"]]

    assert sids() == [DEFAULT_ACCOUNT, SUB]
    assert sids(FriendlyName="branch") == sids(Status="suspended") == [SUB]
    page = api.http.get("/2010-04-01/Accounts.json", params={"PageSize": 1}).json()
    following = api.http.get(page["next_page_uri"]).json()
    assert [a["sid"] for a in following["accounts"]] == [SUB]
    assert following["next_page_uri"] is None
    back = api.http.get(following["previous_page_uri"]).json()
    assert [a["sid"] for a in back["accounts"]] == [DEFAULT_ACCOUNT]


class TestCredentials:
    @pytest.fixture
    def test_api(self, sandbox: SandboxServer) -> TwilioApi:
        return TwilioApi(sandbox, TEST_ACCOUNT, password=TEST_SECRET)

    def test_magic_values(self, test_api: TwilioApi) -> None:
        bought = test_api.buy("+15005550006", FriendlyName="x", VoiceUrl="https://a.example")
        assert (bought["friendly_name"], bought["voice_url"]) == ("x", "https://a.example")
        assert test_api.buy("+15005550006")["friendly_name"] == "(500) 555-0006"
        assert test_api.post("/IncomingPhoneNumbers.json", AreaCode="500").status_code == 201
        for form, code, message in (
            ({"PhoneNumber": "+15005550000"}, 21422, "+15005550000 is not available"),
            ({"PhoneNumber": "+15005550001"}, 21421, "+15005550001 is not a valid number"),
            ({"PhoneNumber": "33"}, 21421, "33 is not a valid number"),
            ({"AreaCode": "533"}, 21452, "No phone numbers found"),
            ({}, 21421, "An area code or number must be provided"),
        ):
            refused(test_api.post("/IncomingPhoneNumbers.json", **form), code, message)

    def test_they_leave_no_trace(self, test_api: TwilioApi) -> None:
        test_api.buy("+15005550006")
        assert test_api.sandbox.held("twilio") == []

    def test_they_do_nothing_else(self, test_api: TwilioApi) -> None:
        sid = test_api.buy("+15005550006")["sid"]
        for answer in (
            test_api.get("/IncomingPhoneNumbers.json"),
            test_api.get(f"/IncomingPhoneNumbers/{sid}.json"),
            test_api.post(f"/IncomingPhoneNumbers/{sid}.json"),
            test_api.get("/AvailablePhoneNumbers/US/Local.json"),
            test_api.get(".json"),
            test_api.get("/Balance.json"),
            test_api.http.get("/v1/PhoneNumbers/Countries"),
        ):
            refused(answer, 20008, "Resource not accessible with Test Account Credentials", 403)

    def test_their_magic_means_nothing_to_real_credentials(self, sandbox: SandboxServer) -> None:
        answer = TwilioApi(sandbox).post("/IncomingPhoneNumbers.json", PhoneNumber="+15005550006")
        refused(answer, 21422, "+15005550006 is not available")


def test_prices_follow_the_stock(api: TwilioApi) -> None:
    api.sell("+33140000000", country="FR", type="national", price="2.50")
    france = api.http.get("/v1/PhoneNumbers/Countries/fr").json()
    assert france == {
        "country": "France",
        "iso_country": "FR",
        "url": f"{api.sandbox.url}/v1/PhoneNumbers/Countries/FR",
        "price_unit": "USD",
        "phone_number_prices": [
            {"number_type": "local", "base_price": "1.50", "current_price": "1.50"},
            {"number_type": "national", "base_price": "2.50", "current_price": "2.50"},
        ],
    }


def test_pages_of_countries_have_absolute_urls(api: TwilioApi) -> None:
    first = api.http.get("/v1/PhoneNumbers/Countries", params={"PageSize": 4}).json()
    assert first["meta"]["key"] == "countries"
    assert first["meta"]["next_page_url"].startswith(f"{api.sandbox.url}/v1/PhoneNumbers/Countries?PageSize=4&Page=1&")
    second = api.http.get(first["meta"]["next_page_url"]).json()
    codes = [c["iso_country"] for c in first["countries"] + second["countries"]]
    assert codes == sorted(set(codes)) == ["AU", "CA", "DE", "FR", "GB", "US"]
    assert second["meta"]["next_page_url"] is None


def test_an_unknown_country_has_no_price(api: TwilioApi) -> None:
    answer = api.http.get("/v1/PhoneNumbers/Countries/XX")
    refused(answer, 20404, "The requested resource /v1/PhoneNumbers/Countries/XX was not found", 404)


def test_a_resource_that_the_sandbox_does_not_have_is_not_found(api: TwilioApi) -> None:
    for answer in (api.get("/Calls.json"), api.post("/Messages.json"), api.http.delete(f"{api.base}/Keys/SK1.json")):
        refused(answer, 20404, f"The requested resource {answer.request.url.path} was not found", 404)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (429, 20429, "Too Many Requests"),
        (500, 20500, "Internal Server Error"),
        (503, 20503, "Service is unavailable, please try again"),
    ],
)
def test_a_fault_is_worded_as_twilio_words_it(api: TwilioApi, status: int, code: int, message: str) -> None:
    api.sandbox.fault(provider="twilio", operation="incoming_numbers.create", status=status, times=1)
    answer = api.post("/IncomingPhoneNumbers.json", PhoneNumber="+14155550100")
    more_info = f"https://www.twilio.com/docs/errors/{503 if status == 503 else code}"
    assert (answer.status_code, answer.json()) == (
        status,
        {"code": code, "message": message, "more_info": more_info, "status": status},
    )
    assert api.listed() == []
    api.buy("+14155550100")


def test_a_purchase_whose_answer_is_lost_has_happened(api: TwilioApi) -> None:
    api.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="after", times=1)
    with pytest.raises(httpx2.TransportError):
        api.post("/IncomingPhoneNumbers.json", PhoneNumber="+14155550100", FriendlyName="mark")
    assert api.listed(FriendlyName="mark") == ["+14155550100"]


def test_every_operation_is_logged_by_its_name(api: TwilioApi) -> None:
    sid = api.buy("+14155550100")["sid"]
    api.sandbox.control.delete("/requests")
    path = f"{api.base}/IncomingPhoneNumbers"
    for method, url in (
        ("GET", "/2010-04-01/Accounts.json"),
        ("POST", "/2010-04-01/Accounts.json"),
        ("GET", f"{api.base}.json"),
        ("POST", f"{api.base}.json"),
        ("GET", f"{api.base}/Balance.json"),
        ("GET", f"{api.base}/AvailablePhoneNumbers.json"),
        ("GET", f"{api.base}/AvailablePhoneNumbers/US.json"),
        ("GET", f"{api.base}/AvailablePhoneNumbers/US/Local.json"),
        *((m, f"{path}{kind}.json") for kind in ("", "/Local", "/TollFree", "/Mobile") for m in ("GET", "POST")),
        ("GET", f"{path}/{sid}.json"),
        ("POST", f"{path}/{sid}.json"),
        ("DELETE", f"{path}/{sid}.json"),
        ("GET", "/v1/PhoneNumbers/Countries"),
        ("GET", "/v1/PhoneNumbers/Countries/US"),
        ("GET", f"{api.base}/Calls.json"),
    ):
        api.http.request(method, url)
    assert [row["operation"] for row in api.sandbox.requests(provider="twilio")] == [
        "accounts.list",
        "accounts.create",
        "accounts.fetch",
        "accounts.update",
        "balance.fetch",
        "available_numbers.countries",
        "available_numbers.country",
        "available_numbers.search",
        *(["incoming_numbers.list", "incoming_numbers.create"] * 4),
        "incoming_numbers.fetch",
        "incoming_numbers.update",
        "incoming_numbers.delete",
        "pricing.countries",
        "pricing.country",
        "unserved",
    ]


def test_the_environment_leads_to_the_default_account(sandbox: SandboxServer) -> None:
    settings = environment(sandbox.url)
    with httpx2.Client(auth=(settings["TWILIO_ACCOUNT_SID"], settings["TWILIO_AUTH_TOKEN"])) as http:
        account = f"{settings['TWILIO_BASE_URL']}/2010-04-01/Accounts/{settings['TWILIO_ACCOUNT_SID']}.json"
        assert http.get(account).json()["status"] == "active"
        assert http.get(f"{settings['TWILIO_PRICING_BASE_URL']}/v1/PhoneNumbers/Countries/US").status_code == 200
