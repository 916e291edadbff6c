"""What goes wrong on request: purchases that are lost, late, doubled or of another number, and lists that lie."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.sandbox import telnyx_client, vapi_client, vonage_client
from tests.sandbox.twilio_client import TwilioApi
from tests.support.sandbox_server import SandboxServer

NUMBER, OTHER = "+14155550100", "+14155550101"
BUY = "incoming_numbers.create"


@pytest.fixture
def api(sandbox: SandboxServer) -> TwilioApi:
    return TwilioApi(sandbox)


def create(api: TwilioApi, **form: str) -> httpx2.Response:
    return api.post("/IncomingPhoneNumbers.json", PhoneNumber=NUMBER, **form)


def held(sandbox: SandboxServer, carrier: str = "twilio") -> list[str]:
    return [number["number"] for number in sandbox.held(carrier)]


def until(look: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_late_purchase_happens_after_its_reply_was_lost(sandbox: SandboxServer, api: TwilioApi) -> None:
    sandbox.fault(provider="twilio", operation=BUY, kind="late", seconds=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        create(api, FriendlyName="mark")
    assert held(sandbox) == []
    assert sandbox.requests(operation=BUY)[0]["status"] is None
    until(lambda: held(sandbox) == [NUMBER])
    assert sandbox.requests(operation=BUY)[0]["status"] == 201
    assert api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"][0]["friendly_name"] == "mark"


def test_a_reset_forgets_what_was_to_happen_late(sandbox: SandboxServer, api: TwilioApi) -> None:
    sandbox.fault(provider="twilio", operation=BUY, kind="late", seconds=0.1)
    with pytest.raises(httpx2.RemoteProtocolError):
        create(api)
    sandbox.reset()
    time.sleep(0.2)
    assert held(sandbox) == []


def test_a_fault_may_begin_later(sandbox: SandboxServer, api: TwilioApi) -> None:
    fault = sandbox.fault(provider="twilio", operation="incoming_numbers.list", skip=2, times=1)
    answers = [api.get("/IncomingPhoneNumbers.json").status_code for _ in range(4)]
    assert answers == [200, 200, 503, 200]
    (rule,) = [rule for rule in sandbox.control.get("/faults").json() if rule["id"] == fault]
    assert (rule["passed"], rule["hits"]) == (2, 1)


def test_a_refusal_may_come_after_the_purchase(sandbox: SandboxServer, api: TwilioApi) -> None:
    body = {"code": 21422, "message": f"{NUMBER} is not available", "status": 400}
    sandbox.fault(provider="twilio", operation=BUY, when="after", status=400, body=body)
    assert (create(api).status_code, held(sandbox)) == (400, [NUMBER])


def test_a_page_of_something_between_is_html(sandbox: SandboxServer, api: TwilioApi) -> None:
    page = "<!DOCTYPE html><title>Blocked</title>"
    sandbox.fault(provider="twilio", status=302, body=page, headers={"location": "http://portal.example/"})
    answer = create(api)
    assert (answer.status_code, answer.text, answer.headers["location"]) == (302, page, "http://portal.example/")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_slow_answer_may_come_after_the_work(sandbox: SandboxServer, api: TwilioApi) -> None:
    sandbox.fault(provider="twilio", operation=BUY, kind="latency", when="after", seconds=5)
    with pytest.raises(httpx2.ReadTimeout):
        api.http.post(f"{api.base}/IncomingPhoneNumbers.json", data={"PhoneNumber": NUMBER}, timeout=0.3)
    assert held(sandbox) == [NUMBER]


def test_twilio_sells_another_number_than_asked(sandbox: SandboxServer, api: TwilioApi) -> None:
    sandbox.fault(provider="twilio", operation=BUY, kind="other_number")
    sold = create(api, FriendlyName="mark").json()
    assert sold["phone_number"] != NUMBER
    assert sold["friendly_name"] == "mark"
    assert held(sandbox) == [sold["phone_number"]]


def test_telnyx_and_vonage_sell_another_number_than_asked(sandbox: SandboxServer) -> None:
    sandbox.fault(provider="*", operation="*", kind="other_number")
    with telnyx_client.client_of(sandbox) as telnyx, vonage_client.client_of(sandbox) as vonage:
        asked = telnyx_client.numbers_in(telnyx_client.search(telnyx, limit=1))[0]
        (line,) = telnyx_client.order(telnyx, asked)["phone_numbers"]
        assert held(sandbox, "telnyx") == [line["phone_number"]] != [asked]
        msisdn = vonage_client.search(vonage)[0]
        vonage_client.buy(vonage, msisdn)
        assert len(held(sandbox, "vonage")) == 1
        assert held(sandbox, "vonage") != [f"+{msisdn}"]


def test_a_rival_on_the_same_account_buys_first(sandbox: SandboxServer, api: TwilioApi) -> None:
    sandbox.fault(provider="*", kind="rival", operation="*create", fields={"FriendlyName": "theirs"})
    api.switch(rebuy="ignore")
    answer = create(api, FriendlyName="ours")
    assert (answer.status_code, answer.json()["friendly_name"]) == (201, "theirs")
    with telnyx_client.client_of(sandbox) as telnyx:
        asked = telnyx_client.numbers_in(telnyx_client.search(telnyx, limit=1))[0]
        assert telnyx_client.error_of(telnyx_client.post_order(telnyx, asked)) == (409, "10012")
    sandbox.fault(provider="vonage", kind="rival", operation="number.buy")
    with vonage_client.client_of(sandbox) as vonage:
        msisdn = vonage_client.search(vonage)[0]
        refused = vonage_client.post(vonage, "buy", msisdn)
        assert (refused.status_code, refused.json()) == (420, vonage_client.FAILED)
        assert [number["msisdn"] for number in vonage_client.owned(vonage)] == [msisdn]


def test_a_rival_writes_its_mark_over_ours(sandbox: SandboxServer, api: TwilioApi) -> None:
    sandbox.fault(provider="twilio", kind="rival", operation=BUY, when="after", fields={"FriendlyName": "theirs"})
    assert create(api, FriendlyName="ours").json()["friendly_name"] == "ours"
    assert sandbox.held("twilio")[0]["wire"]["friendly_name"] == "theirs"


Listed = Callable[[int], tuple[list[str], bool]]


def twilio_list(sandbox: SandboxServer, size: int) -> tuple[list[str], bool]:
    """The numbers of the first page, and whether there is a next one."""
    body = TwilioApi(sandbox).get("/IncomingPhoneNumbers.json", PageSize=size).json()
    return [row["phone_number"] for row in body["incoming_phone_numbers"]], body["next_page_uri"] is not None


def vapi_list(sandbox: SandboxServer, size: int) -> tuple[list[str], bool]:
    with vapi_client.client_of(sandbox) as client:
        body = client.get("/v2/phone-number", params={"limit": size}).json()
    assert body["metadata"]["hasNextPage"] == (body["metadata"]["totalPages"] > 1)
    return [row["number"] for row in body["results"]], body["metadata"]["hasNextPage"]


def telnyx_list(sandbox: SandboxServer, size: int) -> tuple[list[str], bool]:
    with telnyx_client.client_of(sandbox) as client:
        body = client.get("/phone_numbers", params={"page[size]": size}).json()
    return [row["phone_number"] for row in body["data"]], body["meta"]["total_pages"] > 1


def vonage_list(sandbox: SandboxServer, size: int) -> tuple[list[str], bool]:
    with vonage_client.client_of(sandbox) as client:
        body = client.get("/account/numbers", params={"size": size}).json()
    return [f"+{row['msisdn']}" for row in body.get("numbers", [])], body.get("count", 0) > size


LISTS = {"twilio": twilio_list, "vapi": vapi_list, "telnyx": telnyx_list, "vonage": vonage_list}


@pytest.fixture(params=LISTS)
def listed(request: pytest.FixtureRequest, sandbox: SandboxServer) -> Listed:
    """Reads the first page of three numbers at each vendor."""
    carrier = str(request.param)
    name = {account["carrier"]: account["id"] for account in sandbox.control.get("/state").json()["accounts"][::-1]}
    rows = [{"carrier": carrier, "number": f"+1646555010{n}", "account": name[carrier]} for n in range(3)]
    sandbox.control.post("/numbers", json=rows).raise_for_status()
    return lambda size: LISTS[carrier](sandbox, size)


def test_a_list_lags_misses_repeats_and_shrinks(sandbox: SandboxServer, listed: Listed) -> None:
    whole, more = listed(10)
    assert (len(whole), more) == (3, False)
    expected = {"lag": whole[1:], "miss": whole[1:], "repeat": [whole[0], *whole], "shrink": whole[:2]}
    for kind, numbers in expected.items():
        fault = sandbox.fault(provider="*", kind=kind)
        assert listed(10) == (numbers, False), kind
        sandbox.control.delete(f"/faults/{fault}")
    sandbox.fault(provider="*", kind="miss", rows=9, lacking=whole[1].removeprefix("+"))
    assert listed(10)[0] == [whole[0], whole[2]]


def test_a_page_that_shrinks_says_that_it_is_the_last(sandbox: SandboxServer, listed: Listed) -> None:
    first, more = listed(2)
    assert (len(first), more) == (2, True)
    sandbox.fault(provider="*", kind="shrink")
    assert listed(2) == (first[:1], False)


def test_a_list_never_ends(sandbox: SandboxServer, listed: Listed) -> None:
    whole, _ = listed(10)
    sandbox.fault(provider="*", kind="endless")
    assert listed(10) == (whole, True)


def test_every_page_of_an_endless_list_is_the_first(sandbox: SandboxServer, api: TwilioApi) -> None:
    api.buy(NUMBER)
    api.buy(OTHER)
    sandbox.fault(provider="twilio", kind="endless")
    path, seen = f"{api.base}/IncomingPhoneNumbers.json?PageSize=1", []
    for _ in range(3):
        body = api.http.get(path).json()
        seen.append(body["incoming_phone_numbers"][0]["phone_number"])
        assert body["next_page_uri"] != path
        path = body["next_page_uri"]
    assert seen == [OTHER] * 3


def test_a_missed_row_is_counted_and_a_late_one_is_not(sandbox: SandboxServer) -> None:
    rows = [{"carrier": "telnyx", "number": f"+1646555010{n}", "account": "telnyx"} for n in range(3)]
    sandbox.control.post("/numbers", json=rows).raise_for_status()
    totals = []
    for kind in ("miss", "lag"):
        sandbox.fault(provider="telnyx", kind=kind, times=1)
        with telnyx_client.client_of(sandbox) as client:
            totals.append(client.get("/phone_numbers").json()["meta"]["total_results"])
    assert totals == [3, 2]
