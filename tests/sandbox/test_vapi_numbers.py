"""The sandbox's Vapi: what it does with phone numbers."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from tests.sandbox.vapi_client import (
    NUMBERS,
    ORG,
    TELNYX_KEY,
    TWILIO_KEY,
    TWILIO_KEY_SECRET,
    VAPI_URLS,
    account,
    client_of,
    credential,
    give,
    refused,
    switch,
    twilio_import,
    wire,
)
from tests.support.sandbox_server import SandboxServer

INVALID_NUMBER = (
    "number must be a valid phone number in the E.164 format. "
    "Hot tip, you may be missing the country code (Eg. US: +1)."
)
SOMEBODY = "11111111-1111-4111-8111-111111111111"


def make(vapi: httpx2.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = vapi.post("/phone-number", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def trunk_numbers(vapi: httpx2.Client, count: int) -> list[dict[str, Any]]:
    trunk = credential(vapi, "byo-sip-trunk")
    return [
        make(
            vapi, {"provider": "byo-phone-number", "credentialId": trunk, "number": f"+1415555{n:04}", "name": f"N {n}"}
        )
        for n in range(count)
    ]


def until_active(vapi: httpx2.Client, row: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while row["status"] != "active":
        assert time.monotonic() < deadline
        time.sleep(0.02)
        row = vapi.get(f"/phone-number/{row['id']}").json()
    return row


def test_a_key_that_is_not_an_orgs_private_key_is_refused_with_the_hot_tip(sandbox: SandboxServer) -> None:
    with client_of(sandbox, "public-key") as stranger:
        assert refused(stranger.get("/phone-number"), 401).startswith("Invalid Key. Hot tip, you may be using")
    answer = httpx2.get(f"{sandbox.url}/phone-number")
    assert answer.json()["error"] == "Unauthorized"


def test_an_org_sees_only_its_own(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    row = make(vapi, twilio_import())
    account(sandbox, "vapi", SOMEBODY, secret="other-key")
    with client_of(sandbox, "other-key") as other:
        assert other.get("/phone-number").json() == []
        refused(other.get(f"/phone-number/{row['id']}"), 404)


def test_a_twilio_import_is_active_at_once_and_takes_the_number_over(
    sandbox: SandboxServer, vapi: httpx2.Client
) -> None:
    row = make(vapi, twilio_import(name="Bella Napoli"))
    assert row["status"] == "active"
    assert (row["number"], row["name"], row["orgId"]) == (NUMBERS["twilio"], "Bella Napoli", ORG)
    assert row["smsEnabled"] is True
    assert "twilioAuthToken" not in row
    assert wire(sandbox, "twilio", NUMBERS["twilio"]).items() >= VAPI_URLS.items()


def test_an_import_without_sms_leaves_the_sms_url_alone(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    before = wire(sandbox, "twilio", NUMBERS["twilio"]).get("sms_url")
    make(vapi, twilio_import(smsEnabled=False))
    after = wire(sandbox, "twilio", NUMBERS["twilio"])
    assert after["voice_url"] == VAPI_URLS["voice_url"]
    assert after["sms_url"] == before


@pytest.mark.parametrize(
    "change",
    [
        {"twilioAuthToken": "wrong"},
        {"twilioAccountSid": "AC" + "9" * 32},
        {"number": "+14155550199"},
        {"twilioAuthToken": None},
        {"twilioAuthToken": None, "twilioApiKey": TWILIO_KEY, "twilioApiSecret": "wrong"},
        {"twilioAuthToken": "wrong", "twilioApiKey": TWILIO_KEY, "twilioApiSecret": TWILIO_KEY_SECRET},
    ],
)
def test_what_twilio_does_not_confirm_is_not_found(vapi: httpx2.Client, change: dict[str, Any]) -> None:
    assert refused(vapi.post("/phone-number", json=twilio_import() | change), 400) == "Number Not Found on Twilio"
    assert vapi.get("/phone-number").json() == []


def test_an_api_key_opens_the_twilio_account_too(vapi: httpx2.Client) -> None:
    keys = {"twilioAuthToken": None, "twilioApiKey": TWILIO_KEY, "twilioApiSecret": TWILIO_KEY_SECRET}
    assert "twilioApiSecret" not in make(vapi, twilio_import() | keys)


def test_a_number_of_a_subaccount_is_not_found_in_the_main_account(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    subaccount = "AC" + "7" * 32
    account(sandbox, "twilio", subaccount, secret="sub")
    give(sandbox, "twilio", "+14155550177", subaccount)
    body = twilio_import("+14155550177")
    assert refused(vapi.post("/phone-number", json=body), 400) == "Number Not Found on Twilio"
    make(vapi, body | {"twilioAccountSid": subaccount, "twilioAuthToken": "sub"})


@pytest.mark.parametrize(
    ("mode", "status", "words"),
    [
        ("existing", 400, "Existing Phone Number {id}"),
        ("conflict", 409, None),
        ("already_exists", 400, "already exists"),
    ],
)
def test_a_second_import_is_refused_as_switched(
    sandbox: SandboxServer, vapi: httpx2.Client, mode: str, status: int, words: str | None
) -> None:
    row = make(vapi, twilio_import())
    switch(sandbox, vapi_duplicate_import=mode)
    message = refused(vapi.post("/phone-number", json=twilio_import()), status)
    assert words is None or words.format(**row) in message
    assert len(vapi.get("/phone-number").json()) == 1


def test_a_second_import_may_make_a_second_record(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    switch(sandbox, vapi_duplicate_import="second_record")
    ids = {make(vapi, twilio_import())["id"] for _ in range(2)}
    assert {row["id"] for row in vapi.get("/phone-number").json()} == ids
    assert len(ids) == 2


@pytest.mark.parametrize("provider", ["telnyx", "vonage"])
def test_a_carriers_number_is_linked_to_vapis_application(
    sandbox: SandboxServer, vapi: httpx2.Client, provider: str
) -> None:
    key = credential(vapi, provider)
    row = make(vapi, {"provider": provider, "number": NUMBERS[provider], "credentialId": key})
    assert (row["status"], row["credentialId"]) == ("active", key)
    made = vapi.get(f"/credential/{key}").json()
    field = {"telnyx": "connection_id", "vonage": "app_id"}[provider]
    assert wire(sandbox, provider, NUMBERS[provider])[field] == made[f"{provider}ApplicationId"]


def test_a_number_that_is_not_in_the_telnyx_account_is_refused_in_telnyx_words(vapi: httpx2.Client) -> None:
    body = {"provider": "telnyx", "number": "+13125550199", "credentialId": credential(vapi, "telnyx")}
    expected = "Couldn't Update Telnyx Number. Error: Request failed with status code 404"
    assert refused(vapi.post("/phone-number", json=body), 400) == expected


def test_a_wrong_key_in_the_credential_shows_at_the_import(vapi: httpx2.Client) -> None:
    key = credential(vapi, "telnyx", apiKey="KEY-wrong")
    body = {"provider": "telnyx", "number": NUMBERS["telnyx"], "credentialId": key}
    assert "status code 401" in refused(vapi.post("/phone-number", json=body), 400)
    key = credential(vapi, "vonage", apiSecret="wrong")
    body = {"provider": "vonage", "number": NUMBERS["vonage"], "credentialId": key}
    assert "Couldn't Update Vonage Number" in refused(vapi.post("/phone-number", json=body), 400)


def test_a_credential_of_another_kind_is_refused(vapi: httpx2.Client) -> None:
    body = {"provider": "telnyx", "number": NUMBERS["telnyx"], "credentialId": credential(vapi, "vonage")}
    assert "Credential Not Found" in refused(vapi.post("/phone-number", json=body), 400)


def test_an_own_number_needs_a_trunk_and_may_be_anything_when_the_check_is_off(vapi: httpx2.Client) -> None:
    body = {"provider": "byo-phone-number", "number": "pizza", "credentialId": credential(vapi, "byo-sip-trunk")}
    assert refused(vapi.post("/phone-number", json=body), 400) == [INVALID_NUMBER]
    assert make(vapi, body | {"numberE164CheckEnabled": False})["number"] == "pizza"
    assert "regular expression" in str(
        refused(vapi.post("/phone-number", json=body | {"number": "no!", "numberE164CheckEnabled": False}), 400)
    )
    assert "number" not in make(vapi, {k: v for k, v in body.items() if k != "number"})


def test_a_free_number_comes_when_the_record_is_active(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    switch(sandbox, vapi_seconds_until_active={"vapi": 0.15})
    row = make(vapi, {"provider": "vapi", "numberDesiredAreaCode": "415"})
    assert row["status"] == "activating"
    assert "number" not in row
    ready = until_active(vapi, row)
    assert ready["number"].startswith("+1415")
    assert [n["number"] for n in sandbox.held("vapi")] == [ready["number"]]


def test_a_free_number_may_be_active_without_ever_getting_a_number(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    switch(sandbox, vapi_seconds_until_active={"vapi": 0}, vapi_number_never_arrives=True)
    row = make(vapi, {"provider": "vapi", "numberDesiredAreaCode": "415"})
    assert row["status"] == "active"
    assert "number" not in row


def test_an_area_code_without_stock_is_refused_with_a_hint(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    answer = vapi.post("/phone-number", json={"provider": "vapi", "numberDesiredAreaCode": "907"})
    expected = "This area code is currently not available. Hint: Try one of 206, 312, 415."
    assert refused(answer, 400) == expected
    sandbox.control.delete("/numbers", params={"carrier": "vapi"}).raise_for_status()
    answer = vapi.post("/phone-number", json={"provider": "vapi", "numberDesiredAreaCode": "907"})
    assert refused(answer, 400) == "This area code is currently not available."


def test_five_free_numbers_are_the_limit_and_a_deleted_one_makes_room(vapi: httpx2.Client) -> None:
    body = {"provider": "vapi", "numberDesiredAreaCode": "312"}
    rows = [make(vapi, body) for _ in range(5)]
    assert "limit" in refused(vapi.post("/phone-number", json=body), 400)
    make(vapi, {"provider": "vapi", "sipUri": "sip:bella@sip.vapi.ai"})
    vapi.delete(f"/phone-number/{rows[0]['id']}").raise_for_status()
    make(vapi, body)


def test_without_a_payment_method_the_second_free_number_is_refused(
    sandbox: SandboxServer, vapi: httpx2.Client
) -> None:
    switch(sandbox, vapi_payment_method=False)
    body = {"provider": "vapi", "numberDesiredAreaCode": "312"}
    make(vapi, body)
    assert "payment method" in refused(vapi.post("/phone-number", json=body), 402)


def test_without_area_code_or_sip_uri_the_record_has_no_number(vapi: httpx2.Client) -> None:
    ready = until_active(vapi, make(vapi, {"provider": "vapi"}))
    assert not {"number", "sipUri"} & set(ready)


def test_an_import_can_take_time_to_become_active(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    switch(sandbox, vapi_seconds_until_active={"twilio": 0.1})
    row = make(vapi, twilio_import())
    assert (row["status"], row["number"]) == ("activating", NUMBERS["twilio"])
    until_active(vapi, row)


def test_a_number_can_show_as_blocked(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    row = make(vapi, twilio_import())
    switch(sandbox, vapi_blocked_numbers=[NUMBERS["twilio"]])
    assert vapi.get(f"/phone-number/{row['id']}").json()["status"] == "blocked"
    switch(sandbox, vapi_blocked_numbers=[])
    assert vapi.get(f"/phone-number/{row['id']}").json()["status"] == "active"


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({"number": "4155550101"}, [INVALID_NUMBER]),
        ({"name": "x" * 41}, ["name must be shorter than or equal to 40 characters"]),
        ({"credentialId": SOMEBODY}, ["property credentialId should not exist"]),
        ({"assistantId": "the-assistant"}, ["assistantId must be a UUID"]),
        ({"twilioAccountSid": None}, ["twilioAccountSid must be a string"]),
        (
            {"server": {"url": 1, "secret": "s"}},
            ["server.property secret should not exist", "server.url must be a string"],
        ),
        (
            {"provider": "acme"},
            ["provider must be one of the following values: byo-phone-number, twilio, vonage, vapi, telnyx"],
        ),
    ],
)
def test_invalid_fields_are_refused_as_a_list_of_messages(
    vapi: httpx2.Client, change: dict[str, Any], messages: list[str]
) -> None:
    assert refused(vapi.post("/phone-number", json=twilio_import() | change), 400) == messages


def test_a_missing_credential_id_must_be_a_uuid(vapi: httpx2.Client) -> None:
    answer = vapi.post("/phone-number", json={"provider": "telnyx", "number": NUMBERS["telnyx"]})
    assert refused(answer, 400) == ["credentialId must be a UUID"]


def test_an_assistant_that_does_not_exist_is_refused(vapi: httpx2.Client) -> None:
    assert "Assistant" in refused(vapi.post("/phone-number", json=twilio_import(assistantId=SOMEBODY)), 400)


def test_a_body_that_is_not_json_is_refused(vapi: httpx2.Client) -> None:
    refused(vapi.post("/phone-number", content=b"{provider"), 400)


def test_patch_sets_and_null_clears_the_assistant(vapi: httpx2.Client) -> None:
    assistant = vapi.get("/assistant").json()[0]["id"]
    row = make(vapi, twilio_import(name="One"))
    changed = vapi.patch(f"/phone-number/{row['id']}", json={"provider": "twilio", "assistantId": assistant}).json()
    assert (changed["assistantId"], changed["name"]) == (assistant, "One")
    assert changed["updatedAt"] > row["updatedAt"]
    vapi.patch(f"/phone-number/{row['id']}", json={"assistantId": None}).raise_for_status()
    assert "assistantId" not in vapi.get(f"/phone-number/{row['id']}").json()


def test_patch_without_provider_can_be_refused(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    row = make(vapi, twilio_import())
    switch(sandbox, vapi_patch_needs_provider=True)
    assert "provider must be" in refused(vapi.patch(f"/phone-number/{row['id']}", json={"name": "n"}), 400)[0]
    vapi.patch(f"/phone-number/{row['id']}", json={"provider": "twilio", "name": "n"}).raise_for_status()


def test_one_bad_field_rejects_the_whole_patch(vapi: httpx2.Client) -> None:
    row = make(vapi, twilio_import(name="before"))
    path = f"/phone-number/{row['id']}"
    wrong: list[dict[str, Any]] = [
        {"server": {"timeoutSeconds": 0}},
        {"provider": "vapi"},
        {"metadata": {}},
        {"number": None},
    ]
    for bad in wrong:
        refused(vapi.patch(path, json={"name": "after"} | bad), 400)
    refused(vapi.patch(path, json={"twilioAuthToken": "wrong"}), 400)
    assert vapi.get(path).json() == row


@pytest.mark.parametrize("mode", ["keep", "blank", "restore"])
def test_delete_answers_the_row_and_leaves_the_twilio_number_as_switched(
    sandbox: SandboxServer, vapi: httpx2.Client, mode: str
) -> None:
    before = {key: wire(sandbox, "twilio", NUMBERS["twilio"]).get(key) for key in VAPI_URLS}
    switch(sandbox, vapi_delete_at_twilio=mode)
    row = make(vapi, twilio_import())
    answer = vapi.delete(f"/phone-number/{row['id']}")
    assert (answer.status_code, answer.json()) == (200, row)
    refused(vapi.delete(f"/phone-number/{row['id']}"), 404)
    expected = {"keep": VAPI_URLS, "blank": dict.fromkeys(VAPI_URLS, ""), "restore": before}[mode]
    after = wire(sandbox, "twilio", NUMBERS["twilio"])
    assert {key: after.get(key) for key in VAPI_URLS} == expected


def test_a_deleted_free_number_is_given_up(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    row = make(vapi, {"provider": "vapi", "numberDesiredAreaCode": "206"})
    vapi.delete(f"/phone-number/{row['id']}").raise_for_status()
    assert sandbox.held("vapi") == []


def test_a_free_number_can_be_put_into_an_orgs_hands(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    give(sandbox, "vapi", "+12064872299", ORG)
    [row] = vapi.get("/phone-number").json()
    assert (row["number"], row["status"], row["provider"]) == ("+12064872299", "active", "vapi")


def test_the_first_list_is_newest_first_and_is_paged_by_date(vapi: httpx2.Client) -> None:
    rows = trunk_numbers(vapi, 5)
    newest = [row["number"] for row in reversed(rows)]
    assert [row["number"] for row in vapi.get("/phone-number").json()] == newest
    seen, query = [], {"limit": 2}
    while page := vapi.get("/phone-number", params=query).json():
        seen += [row["number"] for row in page]
        query = {"limit": 2, "createdAtLt": page[-1]["createdAt"]}
    assert seen == newest
    for name, count in (("Gt", 2), ("Ge", 3), ("Lt", 2), ("Le", 3)):
        for date in ("createdAt", "updatedAt"):
            query = {date + name: rows[2][date].replace("Z", "+00:00")}
            assert len(vapi.get("/phone-number", params=query).json()) == count, query


def test_the_first_list_shows_a_hundred_unless_asked(vapi: httpx2.Client) -> None:
    trunk_numbers(vapi, 101)
    assert len(vapi.get("/phone-number").json()) == 100
    assert len(vapi.get("/phone-number", params={"limit": 1000}).json()) == 101
    assert vapi.get("/phone-number", params={"limit": 0}).json() == []


def test_the_second_list_has_pages_order_and_search(vapi: httpx2.Client) -> None:
    rows = trunk_numbers(vapi, 5)
    first = vapi.get("/v2/phone-number", params={"limit": 2, "sortOrder": "ASC"}).json()
    assert [row["id"] for row in first["results"]] == [row["id"] for row in rows[:2]]
    expected = {"itemsPerPage": 2, "totalItems": 5, "currentPage": 1, "totalPages": 3, "hasNextPage": True}
    assert first["metadata"].items() >= expected.items()
    last = vapi.get("/v2/phone-number", params={"limit": 2, "page": 3}).json()
    assert [row["id"] for row in last["results"]] == [rows[0]["id"]]
    assert last["metadata"]["hasNextPage"] is False
    assert vapi.get("/v2/phone-number", params={"page": 9}).json()["results"] == []
    for search, found in (("n 3", 1), ("+1415555", 5), ("5550004", 1), ("nothing", 0)):
        assert len(vapi.get("/v2/phone-number", params={"search": search}).json()["results"]) == found, search


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 1001},
        {"limit": -1},
        {"limit": "all"},
        {"createdAtLt": "yesterday"},
        {"page": 0},
        {"sortOrder": "UP"},
        {"sortBy": "name"},
        {"search": "x" * 101},
    ],
)
def test_a_bad_query_is_refused(vapi: httpx2.Client, query: dict[str, Any]) -> None:
    [message] = refused(vapi.get("/v2/phone-number", params=query), 400)
    assert next(iter(query)) in message


def test_a_new_record_can_be_missing_from_the_lists_for_a_while(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    switch(sandbox, vapi_listing_lag_seconds=60)
    row = make(vapi, twilio_import())
    assert vapi.get("/phone-number").json() == []
    assert vapi.get("/v2/phone-number", params={"search": NUMBERS["twilio"]}).json()["results"] == []
    assert vapi.get(f"/phone-number/{row['id']}").status_code == 200
    switch(sandbox, vapi_listing_lag_seconds=0.05)
    time.sleep(0.06)
    assert len(vapi.get("/phone-number").json()) == 1


def test_the_twilio_token_comes_back_only_when_switched_on(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    make(vapi, twilio_import())
    switch(sandbox, vapi_returns_twilio_secrets=True)
    assert "twilioAuthToken" in vapi.get("/phone-number").json()[0]


def test_an_id_that_is_not_a_uuid_is_refused(vapi: httpx2.Client) -> None:
    assert refused(vapi.get("/phone-number/1"), 400) == ["id must be a UUID"]
    refused(vapi.get(f"/phone-number/{SOMEBODY}"), 404)


def test_faults_speak_as_vapi_does(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    for status in (429, 500, 502):
        sandbox.fault(provider="vapi", operation="phone_numbers.list", status=status, times=1)
    assert refused(vapi.get("/phone-number"), 429) == "Rate limit exceeded"
    assert refused(vapi.get("/phone-number"), 500) == "Internal server error"
    page = vapi.get("/phone-number")
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert vapi.get("/phone-number").status_code == 200


def test_a_lost_reply_leaves_the_import_done(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="drop", when="after")
    with pytest.raises(httpx2.RemoteProtocolError):
        vapi.post("/phone-number", json=twilio_import())
    assert len(vapi.get("/phone-number").json()) == 1


def test_the_request_log_keeps_no_secret(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    make(vapi, twilio_import())
    trunk = {"authUsername": "u", "authPassword": "trunk-password"}
    credential(vapi, "byo-sip-trunk", outboundAuthenticationPlan=trunk)
    plans = (
        {"type": "hmac", "secretKey": "hmac-secret", "algorithm": "sha256"},
        {"type": "bearer", "token": "bearer-1"},
    )
    for plan in plans:
        credential(vapi, "custom-credential", authenticationPlan=plan)
    log = str(sandbox.requests())
    assert "twilioAuthToken" in log
    for secret in ("token-of-the-twilio-account", "trunk-password", "hmac-secret", "bearer-1", TELNYX_KEY):
        assert secret not in log


def test_hundreds_of_records_are_searched_quickly_and_by_their_new_names(vapi: httpx2.Client) -> None:
    rows = trunk_numbers(vapi, 300)
    vapi.patch(f"/phone-number/{rows[7]['id']}", json={"name": "Renamed"}).raise_for_status()
    for search, found in (("renamed", 1), ("N 27", 11)):
        assert len(vapi.get("/v2/phone-number", params={"search": search}).json()["results"]) == found
    started = time.process_time()
    for number in range(20):
        query = {"search": f"+1415555{number:04}"}
        assert len(vapi.get("/v2/phone-number", params=query).json()["results"]) == 1
    assert (time.process_time() - started) / 20 < 1  # a look at each of them would take longer
