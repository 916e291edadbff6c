"""Owned numbers at the sandbox's Twilio: lists, updates, transfer, release."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox.twilio_client import SUB, TwilioApi, refused
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.twilio import DEFAULT_ACCOUNT

NUMBER = "+14155550100"


@pytest.fixture
def api(sandbox: SandboxServer) -> TwilioApi:
    return TwilioApi(sandbox)


def test_a_fresh_number_is_the_whole_resource_at_once(api: TwilioApi) -> None:
    bought = api.buy(NUMBER, FriendlyName="trunkline t1", SmsUrl="https://example.com/sms")
    assert re.fullmatch(r"PN[0-9a-f]{32}", bought["sid"])
    assert api.get(f"/IncomingPhoneNumbers/{bought['sid']}.json").json() == bought
    assert api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"] == [bought]
    assert abs(parsedate_to_datetime(bought["date_created"]).timestamp() - time.time()) < 60
    expected = {
        "account_sid": DEFAULT_ACCOUNT,
        "phone_number": NUMBER,
        "friendly_name": "trunkline t1",
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "address_requirements": "none",
        "status": "in-use",
        "type": "local",
        "origin": "twilio",
        "beta": False,
        "voice_url": "",
        "voice_method": "POST",
        "sms_url": "https://example.com/sms",
        "trunk_sid": None,
        "voice_application_sid": None,
        "emergency_address_status": "unregistered",
        "uri": f"{api.base}/IncomingPhoneNumbers/{bought['sid']}.json",
    }
    assert {key: bought[key] for key in expected} == expected


def test_the_default_name_is_the_formatted_number(api: TwilioApi) -> None:
    assert api.buy(NUMBER)["friendly_name"] == "(415) 555-0100"
    assert api.buy("+447400123400")["friendly_name"] == "+447400123400"


def test_every_answer_has_twilios_headers(api: TwilioApi) -> None:
    answers = [api.get("/IncomingPhoneNumbers.json"), api.get("/IncomingPhoneNumbers/PNnone.json")]
    for answer in answers:
        assert re.fullmatch(r"RQ[0-9a-f]{32}", answer.headers["Twilio-Request-Id"])
        assert answer.headers["Twilio-Concurrent-Requests"] == "1"
        assert answer.headers["X-Powered-By"] == "AT-5000"
        assert answer.headers["X-Api-Domain"] == "api.twilio.com"
        assert "Retry-After" not in answer.headers
    assert len({answer.headers["Twilio-Request-Id"] for answer in answers}) == 2


def test_a_page_names_its_neighbours_by_path_and_token(api: TwilioApi) -> None:
    sids = [api.buy(f"+1415555010{i}", FriendlyName="a b")["sid"] for i in range(5)]
    path = f"{api.base}/IncomingPhoneNumbers.json?FriendlyName=a+b&PageSize=2"
    first = api.get("/IncomingPhoneNumbers.json", FriendlyName="a b", PageSize=2).json()
    rows = first.pop("incoming_phone_numbers")
    assert [row["sid"] for row in rows] == [sids[4], sids[3]]
    assert first == {
        "first_page_uri": f"{path}&Page=0",
        "next_page_uri": f"{path}&Page=1&PageToken=PA{sids[3]}",
        "previous_page_uri": None,
        "uri": f"{path}&Page=0",
        "page": 0,
        "page_size": 2,
        "start": 0,
        "end": 1,
    }
    second = api.http.get(first["next_page_uri"]).json()
    assert second["previous_page_uri"] == f"{path}&Page=0&PageToken=PB{sids[2]}"
    assert (second["page"], second["start"], second["end"]) == (1, 2, 3)
    third = api.http.get(second["next_page_uri"]).json()
    assert third["next_page_uri"] is None
    assert [row["sid"] for row in third["incoming_phone_numbers"]] == [sids[0]]
    back = api.http.get(second["previous_page_uri"]).json()
    assert [row["sid"] for row in back["incoming_phone_numbers"]] == [sids[4], sids[3]]


def test_counting_up_page_without_the_token_leads_nowhere(api: TwilioApi) -> None:
    for i in range(3):
        api.buy(f"+1415555010{i}")
    assert api.listed(PageSize=2, Page=1) == api.listed(PageSize=2)


def test_a_list_stays_complete_while_numbers_come_and_go(api: TwilioApi) -> None:
    sids = [api.buy(f"+1415555010{i}")["sid"] for i in range(6)]
    page = api.get("/IncomingPhoneNumbers.json", PageSize=2).json()
    api.buy("+14155550109")
    for sid in sids[3:5]:
        assert api.http.delete(f"{api.base}/IncomingPhoneNumbers/{sid}.json").status_code == 204
    rest = api.http.get(page["next_page_uri"]).json()
    assert [row["sid"] for row in rest["incoming_phone_numbers"]] == [sids[2], sids[1]]


def test_page_size_is_50_unless_told_and_1000_at_most(api: TwilioApi) -> None:
    api.sell(*(f"+1646{i:07}" for i in range(2000000, 2001050)), account=DEFAULT_ACCOUNT)
    for asked, size in ((None, 50), (1000, 1000), (5000, 1000)):
        page = api.get("/IncomingPhoneNumbers.json", **({"PageSize": asked} if asked else {})).json()
        assert (len(page["incoming_phone_numbers"]), page["page_size"]) == (size, size)
        assert page["next_page_uri"] is not None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"PageSize": "many"}, "PageSize is not valid"),
        ({"Page": "-1"}, "Page is not valid"),
        ({"PageToken": "PAPN0"}, "PageToken is not valid"),
        ({"PageToken": "zzz"}, "PageToken is not valid"),
    ],
)
def test_unusable_paging_is_refused(api: TwilioApi, query: dict[str, str], message: str) -> None:
    refused(api.get("/IncomingPhoneNumbers.json", **query), 20001, message)


def test_list_filters(api: TwilioApi) -> None:
    for number, name in (("+14155550100", "one"), ("+14155550101", "two"), ("+12125550101", "one")):
        api.buy(number, FriendlyName=name)
    api.sell("+14155550190", account=DEFAULT_ACCOUNT, wire={"origin": "hosted", "beta": True})
    assert api.listed(FriendlyName="one") == ["+12125550101", "+14155550100"]
    assert api.listed(FriendlyName="on") == []
    assert api.listed(PhoneNumber="+14155550101") == ["+14155550101"]
    assert api.listed(PhoneNumber="5550101") == ["+12125550101", "+14155550101"]
    assert api.listed(PhoneNumber="+1415*55010*") == ["+14155550101", "+14155550100"]
    assert api.listed(PhoneNumber="+14155550101", FriendlyName="one") == []
    assert api.listed(PhoneNumber="+15125550100") == []
    assert api.listed(Origin="hosted") == ["+14155550190"]
    assert api.listed(Beta="false", Origin="twilio") == api.listed(Origin="twilio")
    assert "+14155550190" not in api.listed(Beta="false")


def test_lists_by_type(api: TwilioApi) -> None:
    for number in ("+14155550100", "+18335550100", "+447400123400"):
        api.buy(number)
    assert api.listed("/Local") == ["+14155550100"]
    assert api.listed("/TollFree") == ["+18335550100"]
    assert api.listed("/Mobile") == ["+447400123400"]
    assert len(api.listed()) == 3


def test_an_update_changes_what_it_names_and_an_empty_url_clears(api: TwilioApi) -> None:
    before = api.buy(NUMBER, VoiceUrl="https://a.example/v", StatusCallback="https://a.example/s", FriendlyName="a")
    path = f"/IncomingPhoneNumbers/{before['sid']}.json"
    form = {"VoiceUrl": "", "VoiceMethod": "GET", "FriendlyName": "b", "VoiceCallerIdLookup": "true"}
    after = api.post(path, **form).json()
    changed = {key: after[key] for key in after if after[key] != before[key] and key != "date_updated"}
    assert changed == {"voice_url": "", "voice_method": "GET", "friendly_name": "b", "voice_caller_id_lookup": True}
    assert api.get(path).json() == after


def test_trunk_and_voice_application_exclude_each_other(api: TwilioApi) -> None:
    path = f"/IncomingPhoneNumbers/{api.buy(NUMBER)['sid']}.json"
    application, trunk = "AP" + "a" * 32, "TK" + "b" * 32
    assert api.post(path, VoiceApplicationSid=application).json()["voice_application_sid"] == application
    with_trunk = api.post(path, TrunkSid=trunk).json()
    assert (with_trunk["trunk_sid"], with_trunk["voice_application_sid"]) == (trunk, None)
    again = api.post(path, VoiceApplicationSid=application).json()
    assert (again["trunk_sid"], again["voice_application_sid"]) == (None, application)
    assert api.post(path, VoiceApplicationSid="").json()["voice_application_sid"] is None


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        ({"VoiceUrl": "not-a-url"}, 21402, "VoiceUrl is not valid"),
        ({"SmsUrl": "ftp://example.com"}, 21402, "SmsUrl is not valid"),
        ({"StatusCallback": "https://"}, 21402, "StatusCallback is not valid"),
        ({"VoiceMethod": "PUT"}, 21403, "VoiceMethod is not valid"),
        ({"FriendlyName": "x" * 65}, 20002, "Invalid FriendlyName"),
        ({"VoiceFallbackUrl": "https://a.example"}, 21405, "VoiceFallbackUrl requires VoiceUrl"),
        ({"SmsFallbackUrl": "https://a.example"}, 21406, "SmsFallbackUrl requires SmsUrl"),
        ({"VoiceApplicationSid": "AP1"}, 21420, "VoiceApplicationSid is not accessible"),
        ({"TrunkSid": "TK1"}, 20001, "TrunkSid is not valid"),
        ({"VoiceReceiveMode": "smoke"}, 20001, "VoiceReceiveMode is not valid"),
    ],
)
def test_a_bad_setting_is_refused_by_create_and_update_alike(
    api: TwilioApi, form: dict[str, str], code: int, message: str
) -> None:
    refused(api.post("/IncomingPhoneNumbers.json", PhoneNumber=NUMBER, **form), code, message)
    assert api.listed() == []
    before = api.buy(NUMBER)
    refused(api.post(f"/IncomingPhoneNumbers/{before['sid']}.json", **form), code, message)
    assert api.get(f"/IncomingPhoneNumbers/{before['sid']}.json").json() == before


def test_a_name_of_64_characters_is_kept(api: TwilioApi) -> None:
    assert api.buy(NUMBER, FriendlyName="é" * 64)["friendly_name"] == "é" * 64


def test_sms_urls_are_refused_for_a_number_without_sms(api: TwilioApi) -> None:
    api.sell(NUMBER, sms=False)
    refused(
        api.post("/IncomingPhoneNumbers.json", PhoneNumber=NUMBER, SmsUrl="https://a.example"),
        21407,
        "This Phone Number type does not support SMS",
    )
    sid = api.buy(NUMBER)["sid"]
    assert api.post(f"/IncomingPhoneNumbers/{sid}.json", SmsUrl="https://a.example").json()["code"] == 21407


def test_a_released_number_is_gone_and_not_for_sale(api: TwilioApi) -> None:
    path = f"{api.base}/IncomingPhoneNumbers/{api.buy(NUMBER)['sid']}.json"
    answer = api.http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for again in (api.http.get(path), api.http.delete(path), api.http.post(path, data={"FriendlyName": "x"})):
        refused(again, 20404, f"The requested resource {path} was not found", 404)
    assert api.listed() == []
    assert NUMBER not in api.found(AreaCode="415")
    refused(api.post("/IncomingPhoneNumbers.json", PhoneNumber=NUMBER), 21422, f"{NUMBER} is not available")


def test_a_released_number_is_for_sale_again_if_so_switched(api: TwilioApi) -> None:
    api.switch(released_for_sale=True)
    first = api.buy(NUMBER, FriendlyName="old")
    api.http.delete(f"{api.base}/IncomingPhoneNumbers/{first['sid']}.json")
    assert NUMBER in api.found(AreaCode="415")
    second = api.buy(NUMBER)
    assert second["sid"] != first["sid"]
    assert second["friendly_name"] == "(415) 555-0100"


def test_an_emergency_address_is_set_by_update_only_and_blocks_the_release(api: TwilioApi) -> None:
    address = "AD" + "e" * 32
    bought = api.buy(NUMBER, EmergencyAddressSid=address, EmergencyStatus="Active")
    assert (bought["emergency_address_sid"], bought["emergency_address_status"]) == (None, "unregistered")
    path = f"/IncomingPhoneNumbers/{bought['sid']}.json"
    assert api.post(path, EmergencyAddressSid=address).json()["emergency_address_status"] == "registered"
    wording = {"status": 409, "code": 1, "message": "no"}
    api.switch(refusal_emergency_address=wording)
    refused(api.http.delete(api.base + path), 1, "no", 409)
    assert api.post(path, EmergencyAddressSid="").json()["emergency_address_status"] == "unregistered"
    assert api.http.delete(api.base + path).status_code == 204


def test_unset_urls_are_null_if_so_switched(api: TwilioApi) -> None:
    sid = api.buy(NUMBER, SmsUrl="https://a.example/sms")["sid"]
    api.switch(unset_url=None)
    shown = api.get(f"/IncomingPhoneNumbers/{sid}.json").json()
    assert (shown["voice_url"], shown["status_callback"], shown["sms_url"]) == (None, None, "https://a.example/sms")


def test_a_just_bought_number_is_shown_after_the_listing_lag(api: TwilioApi) -> None:
    api.switch(listing_lag_seconds=3600)
    sid = api.buy(NUMBER)["sid"]
    path = f"{api.base}/IncomingPhoneNumbers/{sid}.json"
    assert api.listed() == api.listed(PhoneNumber=NUMBER) == api.listed(FriendlyName="(415) 555-0100") == []
    for hidden in (api.http.get(path), api.http.post(path), api.http.delete(path)):
        refused(hidden, 20404, f"The requested resource {path} was not found", 404)
    assert [row["number"] for row in api.sandbox.held("twilio")] == [NUMBER]
    assert api.buy(NUMBER)["sid"] == sid
    api.switch(listing_lag_seconds=0.05)
    second = api.buy("+14155550101")["sid"]
    time.sleep(0.06)
    assert api.get(f"/IncomingPhoneNumbers/{second}.json").status_code == 200
    assert api.listed() == ["+14155550101"]


def test_a_number_held_by_the_control_api_has_a_full_record(api: TwilioApi) -> None:
    api.sell(NUMBER, account=DEFAULT_ACCOUNT, wire={"friendly_name": "mine", "trunk_sid": "TK" + "a" * 32})
    bought = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"][0]
    assert (bought["friendly_name"], bought["trunk_sid"], bought["status"]) == ("mine", "TK" + "a" * 32, "in-use")
    api.sell(NUMBER, account=DEFAULT_ACCOUNT, wire={"sid": bought["sid"]})
    assert api.listed() == [NUMBER]


def test_a_transfer_keeps_the_sid_and_changes_owner_and_uri(api: TwilioApi) -> None:
    sub = api.subaccount()
    first, second = api.buy(NUMBER), api.buy("+14155550101")
    sub.buy("+14155550102")
    moved = api.post(f"/IncomingPhoneNumbers/{first['sid']}.json", AccountSid=SUB).json()
    assert (moved["sid"], moved["account_sid"]) == (first["sid"], SUB)
    assert moved["uri"] == f"{sub.base}/IncomingPhoneNumbers/{first['sid']}.json"
    assert api.listed() == [second["phone_number"]]
    assert sub.listed() == ["+14155550102", NUMBER]
    assert api.get(f"/IncomingPhoneNumbers/{first['sid']}.json").status_code == 404
    through_parent = api.http.post(moved["uri"], data={"AccountSid": DEFAULT_ACCOUNT})
    assert through_parent.json()["account_sid"] == DEFAULT_ACCOUNT


def test_transfers_that_twilio_refuses(api: TwilioApi) -> None:
    sub = api.subaccount()
    api.set_account("AC" + "9" * 32, secret="stranger")
    path = f"/IncomingPhoneNumbers/{api.buy(NUMBER)['sid']}.json"
    unrelated = "AccountSid you are transferring to is not related to the originating owner of the phone number"
    refused(api.post(path, AccountSid="nonsense"), 21470, "Invalid AccountSid")
    refused(api.post(path, AccountSid=""), 21471, "AccountSid is missing")
    refused(api.post(path, AccountSid="AC" + "9" * 32), 21473, unrelated)
    refused(api.post(path, AccountSid="AC" + "8" * 32), 21473, unrelated)
    of_sub = f"/IncomingPhoneNumbers/{sub.buy('+14155550101')['sid']}.json"
    upwards = sub.post(of_sub, AccountSid=DEFAULT_ACCOUNT)
    refused(upwards, 21474, "API User must be the parent account to transfer phone numbers.")
    api.set_account(SUB, extra={"parent": DEFAULT_ACCOUNT, "status": "suspended"})
    refused(api.post(path, AccountSid=SUB), 21472, "Account is not active")


def test_a_transfer_of_a_regulated_number_needs_the_papers(api: TwilioApi) -> None:
    api.subaccount()
    papers = {"AddressSid": "AD" + "a" * 32, "BundleSid": "BU" + "b" * 32}
    sid = api.buy("+493023125000", **papers)["sid"]
    path = f"/IncomingPhoneNumbers/{sid}.json"
    refused(api.post(path, AccountSid=SUB), 21613, "PhoneNumber Requires Certification")
    assert api.post(path, AccountSid=SUB, AddressSid=papers["AddressSid"]).json()["code"] == 21649
    assert api.post(path, AccountSid=SUB, **papers).json()["account_sid"] == SUB
