"""A call without a phone: the sandbox acts as Vapi does when a number that is in Vapi is called."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import httpx2
import pytest

from tests.sandbox.vapi_client import (
    CALLER,
    NUMBERS,
    TWILIO_SID,
    TWILIO_TOKEN,
    call,
    corrected,
    credential,
    number_with,
    refused,
    shared,
    switch,
    told,
)
from tests.support import specs
from tests.support.sandbox_server import SandboxServer
from tests.support.webhook import Webhook

CURRENT = "vapi-openapi-trimmed.json"
ALL = ["status-update:in-progress", "tool-calls", "status-update:ended", "end-of-call-report"]
SOMEBODY = "11111111-1111-4111-8111-111111111111"


def test_a_number_without_target_asks_its_server_who_answers(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    row = number_with(vapi, name="Line 1", server={"url": webhook.url})
    said = call(sandbox)
    assert said["outcome"] == "assistant"
    assert said["heard"] == "Thank you for calling Bella Napoli. How can I help you?"
    assert (said["assistant"], said["ended_reason"]) == (shared(vapi), "customer-ended-call")
    assert said["tool_result"] == {"result": "Bella Napoli"}
    assert webhook.kinds == ["assistant-request", *ALL]
    request = webhook.got[0].message
    assert request["call"]["phoneNumberId"] == request["phoneNumber"]["id"] == row["id"]
    assert request["phoneNumber"]["number"] == NUMBERS["twilio"]
    assert request["customer"]["number"] == request["call"]["customer"]["number"] == CALLER
    assert (request["call"]["status"], request["call"]["phoneCallTransport"]) == ("ringing", "pstn")
    assert request["call"]["phoneCallProviderId"].startswith("CA")
    assert request["call"]["assistantId"] is None
    assert request["phoneNumber"]["squadId"] is None
    assert isinstance(request["timestamp"], int)
    later = webhook.got[1].message
    assert "squadId" not in later["phoneNumber"]
    assert later["call"]["assistantOverrides"]["variableValues"]["restaurant_id"] == "r1"


def test_the_row_in_a_message_holds_the_twilio_token_and_what_the_control_api_shows_does_not(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    number_with(vapi, server={"url": webhook.url})
    said = call(sandbox)
    assert webhook.got[0].message["phoneNumber"]["twilioAuthToken"] == TWILIO_TOKEN
    assert webhook.got[0].message["phoneNumber"]["twilioAccountSid"] == TWILIO_SID
    assert TWILIO_TOKEN not in str(said)
    switch(sandbox, vapi_webhook_twilio_secrets=False)
    call(sandbox)
    assert TWILIO_TOKEN not in str(webhook.got[-1].message)


def test_a_number_with_an_assistant_asks_nobody_and_the_assistants_server_gets_the_events(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    assistant = shared(vapi)
    message = "You called {{phoneNumber.number}} from {{ customer.number }}, {{restaurant_name}}"
    change = {"firstMessage": message, "server": {"url": webhook.url}}
    vapi.patch(f"/assistant/{assistant}", json=change).raise_for_status()
    number_with(vapi, assistantId=assistant, server={"url": "http://127.0.0.1:9/never"})
    said = call(sandbox)
    assert webhook.kinds == ALL
    assert said["heard"] == f"You called {NUMBERS['twilio']} from {CALLER}, restaurant_name"
    assert said["tool_result"] == {"result": "Bella Napoli"}
    assert webhook.got[0].message["call"]["assistantId"] == assistant


def test_a_tools_own_server_gets_its_calls_and_the_organisations_the_rest(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    with Webhook() as tools:
        tools.answers["tool-calls"] = told("from the tool's server")
        tool = {"type": "function", "function": {"name": "get_restaurant"}, "server": {"url": tools.url}}
        assistant = {"firstMessage": "Hi", "model": {"provider": "openai", "model": "gpt-4.1", "tools": [tool]}}
        webhook.answers["assistant-request"] = 200, {"assistant": assistant}
        switch(sandbox, vapi_org_server={"url": webhook.url})
        number_with(vapi)
        said = call(sandbox)
        assert tools.kinds == ["tool-calls"]
    assert webhook.kinds == ["assistant-request", ALL[0], ALL[2], ALL[3]]
    assert (said["heard"], said["tool_result"]) == ("Hi", {"result": "from the tool's server"})


def test_a_number_without_any_server_is_hung_up(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    number_with(vapi)
    said = call(sandbox)
    assert (said["outcome"], said["messages"]) == ("hung_up", [])
    assert said["ended_reason"] == "call-start-error-neither-assistant-nor-server-set"
    assert vapi.get(f"/call/{said['call']}").json()["endedReason"] == said["ended_reason"]


def test_a_number_whose_assistant_was_deleted_is_hung_up(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    assistant = shared(vapi)
    number_with(vapi, assistantId=assistant, server={"url": webhook.url})
    vapi.delete(f"/assistant/{assistant}").raise_for_status()
    said = call(sandbox)
    assert (said["outcome"], said["ended_reason"]) == ("hung_up", "call.start.error-get-assistant")
    assert webhook.kinds == ALL[2:]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, {}), "assistant-request-returned-no-assistant"),
        ((200, {"messageResponse": {"assistantId": SOMEBODY}}), "assistant-request-returned-no-assistant"),
        ((200, {"destination": {"type": "number", "number": "5"}}), "assistant-request-returned-no-assistant"),
        ((200, {"assistantId": SOMEBODY}), "assistant-request-returned-invalid-assistant"),
        ((200, {"assistantId": 5}), "assistant-request-returned-invalid-assistant"),
        ((200, {"squadId": SOMEBODY}), "assistant-request-returned-invalid-assistant"),
        ((200, {"assistant": {}, "assistantOverrides": []}), "assistant-request-returned-invalid-assistant"),
        ((200, {"error": ""}), "assistant-request-returned-unspeakable-error"),
        ((200, {"error": {"message": "no"}}), "assistant-request-returned-unspeakable-error"),
        ((200, "not JSON"), "assistant-request-failed"),
        ((200, []), "assistant-request-failed"),
        ((401, {"assistantId": SOMEBODY}), "assistant-request-failed"),
        ((500, {}), "assistant-request-failed"),
    ],
)
def test_an_unusable_answer_ends_the_call_with_its_reason(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook, answer: Any, reason: str
) -> None:
    number_with(vapi, server={"url": webhook.url})
    webhook.answers["assistant-request"] = answer
    said = call(sandbox)
    assert (said["outcome"], said["heard"], said["ended_reason"]) == ("hung_up", "", reason)
    assert webhook.kinds == ["assistant-request", "status-update:ended", "end-of-call-report"]
    ended = webhook.got[1].message
    assert ended["endedReason"] == reason
    assert "assistantRequestResponse" in ended["inboundPhoneCallDebuggingArtifacts"]


def test_an_error_is_spoken_and_wins_over_everything(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    fallback = {"type": "number", "number": "+14155550100"}
    number_with(vapi, server={"url": webhook.url}, fallbackDestination=fallback)
    webhook.answers["assistant-request"] = 200, {"assistantId": shared(vapi), "error": "No restaurant here."}
    said = call(sandbox)
    assert (said["outcome"], said["heard"]) == ("error", "No restaurant here.")
    assert said["ended_reason"] == "assistant-request-returned-error"


def test_a_destination_in_the_answer_takes_the_call(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    number_with(vapi, server={"url": webhook.url})
    destination = {"type": "number", "number": "+14155550100", "message": "One moment."}
    webhook.answers["assistant-request"] = 200, {"assistantId": shared(vapi), "destination": destination}
    said = call(sandbox)
    assert (said["outcome"], said["heard"], said["destination"]) == ("forwarded", "One moment.", destination)
    assert said["ended_reason"] == "assistant-request-returned-forwarding-phone-number"
    expected = ["assistant-request", "status-update:forwarding", "status-update:ended", "end-of-call-report"]
    assert webhook.kinds == expected


def test_a_failed_request_goes_to_the_fallback_destination(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    fallback = {"type": "number", "number": "+14155550100"}
    number_with(vapi, server={"url": "http://127.0.0.1:9/nobody"}, fallbackDestination=fallback)
    said = call(sandbox)
    assert (said["outcome"], said["destination"]) == ("forwarded", fallback)
    assert said["ended_reason"] == "assistant-request-failed"
    assert "ConnectError" in said["messages"][0]["error"]


def test_the_deadline_of_assistant_request_is_its_own_and_covers_everything(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    def slowly(message: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.15)
        return 200, {"assistantId": shared(vapi)}

    assert sandbox.control.get("/state").json()["switches"]["vapi_assistant_request_seconds"] == 7.5
    webhook.answers["assistant-request"] = slowly
    number_with(vapi, server={"url": webhook.url, "timeoutSeconds": 300})
    switch(sandbox, vapi_assistant_request_seconds=0.05)
    said = call(sandbox)
    assert said["ended_reason"] == "assistant-request-failed"
    assert said["messages"][0]["error"] == "no answer within 0.05 s"
    switch(sandbox, vapi_assistant_request_seconds=5)
    assert call(sandbox)["outcome"] == "assistant"


def test_messages_are_duplicated_lost_or_left_unanswered_on_request(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    number_with(vapi, server={"url": webhook.url})
    said = call(sandbox, duplicates=1, lose=["end-of-call-report", "status-update:in-progress"])
    doubled = [name for name in ("assistant-request", "tool-calls", "status-update:ended") for _ in range(2)]
    assert webhook.kinds == doubled
    assert len({got.body for got in webhook.got}) == 3
    assert [(m["type"], m["sent"], m["lost"]) for m in said["messages"]][1] == ("status-update", 0, True)
    assert vapi.get(f"/call/{said['call']}").json()["status"] == "ended"
    webhook.got.clear()
    said = call(sandbox, fail=["tool-calls"])
    assert len(webhook.got) == 5
    assert said["tool_result"] == {"error": "the answer was lost, on request"}
    said = call(sandbox, fail=["assistant-request"])
    assert (said["outcome"], said["ended_reason"]) == ("hung_up", "assistant-request-failed")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ((200, {"results": [{"toolCallId": "other", "result": "x"}]}), {"error": "No result returned."}),
        ((200, {"results": "x"}), {"error": "No result returned."}),
        ((500, {}), {"error": "No result returned."}),
    ],
)
def test_a_tool_result_must_be_a_text_under_the_calls_id(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook, answer: Any, result: Any
) -> None:
    number_with(vapi, server={"url": webhook.url})
    webhook.answers["tool-calls"] = answer
    assert call(sandbox)["tool_result"] == result


def test_a_tool_may_report_an_error_and_must_not_return_an_object(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    number_with(vapi, server={"url": webhook.url})

    def answer(value: dict[str, Any], message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"results": [{"toolCallId": message["toolCallList"][0]["id"], **value}]}

    told: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"error": "closed"}, {"error": "closed"}),
        ({"result": {}}, {"error": "No result returned."}),
    ]
    for value, expected in told:
        webhook.answers["tool-calls"] = partial(answer, value)
        assert call(sandbox)["tool_result"] == expected


@pytest.mark.parametrize(("shape", "key"), [("string", "function"), ("object", "function"), ("parameters", "name")])
def test_tool_calls_come_in_each_documented_shape(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook, shape: str, key: str
) -> None:
    number_with(vapi, server={"url": webhook.url})
    switch(sandbox, vapi_tool_call_shape=shape)
    assert call(sandbox)["tool_result"] == {"result": "Bella Napoli"}
    [one] = webhook.got[2].message["toolCallList"]
    name = one["name"] if key == "name" else one["function"]["name"]
    assert name == "get_restaurant"
    if key == "function":
        assert one["function"]["arguments"] == ("{}" if shape == "string" else {})


def test_an_assistant_gets_only_the_server_messages_it_asks_for(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    vapi.patch(f"/assistant/{shared(vapi)}", json={"serverMessages": ["tool-calls"]}).raise_for_status()
    number_with(vapi, server={"url": webhook.url})
    call(sandbox)
    assert webhook.kinds == ["assistant-request", "tool-calls"]


def test_calls_are_kept_with_cost_and_times_and_found_by_number(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    row = number_with(vapi, server={"url": webhook.url})
    ids = [call(sandbox)["call"] for _ in range(2)]
    assert [kept["id"] for kept in vapi.get("/call").json()] == ids[::-1]
    assert [kept["id"] for kept in vapi.get("/call", params={"id": ids[0]}).json()] == ids[:1]
    assert len(vapi.get("/call", params={"phoneNumberId": row["id"], "limit": 1}).json()) == 1
    assert vapi.get("/call", params={"phoneNumberId": SOMEBODY}).json() == []
    kept, report = vapi.get(f"/call/{ids[1]}").json(), webhook.got[-1].message
    for field in ("cost", "costs", "startedAt", "endedAt", "endedReason", "analysis", "artifact"):
        assert kept[field] == report[field]
    assert kept["cost"] == pytest.approx(sum(cost["cost"] for cost in kept["costs"]))
    assert (report["durationSeconds"], kept["startedAt"] < kept["endedAt"]) == (29, True)
    refused(vapi.get(f"/call/{SOMEBODY}"), 404)


def test_a_number_that_the_carrier_does_not_send_to_vapi_is_not_reached(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    number_with(vapi, server={"url": webhook.url})
    switch(sandbox, vapi_blocked_numbers=[NUMBERS["twilio"]])
    assert call(sandbox)["why"] == "the phone number is blocked"
    switch(sandbox, vapi_blocked_numbers=[])
    with httpx2.Client(
        base_url=f"{sandbox.url}/2010-04-01/Accounts/{TWILIO_SID}", auth=(TWILIO_SID, TWILIO_TOKEN)
    ) as api:
        sid = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"][0]["sid"]
        api.post(f"/IncomingPhoneNumbers/{sid}.json", data={"VoiceUrl": "https://example.com"}).raise_for_status()
        said = call(sandbox)
        assert (said["outcome"], said["why"]) == ("not_reached", "twilio's voice_url does not point at Vapi")
        api.delete(f"/IncomingPhoneNumbers/{sid}.json").raise_for_status()
    assert call(sandbox)["why"] == "twilio has sold the number to nobody"
    assert webhook.got == []


@pytest.mark.parametrize("provider", ["telnyx", "vonage", "vapi", "byo-phone-number"])
def test_numbers_of_every_provider_can_be_called(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook, provider: str
) -> None:
    switch(sandbox, vapi_seconds_until_active={"vapi": 0})
    body: dict[str, Any] = {"provider": provider, "server": {"url": webhook.url}}
    if provider == "vapi":
        body["numberDesiredAreaCode"] = "415"
    else:
        body["credentialId"] = credential(vapi, "byo-sip-trunk" if provider.startswith("byo") else provider)
        body["number"] = NUMBERS.get(provider, "+14155550188")
    row = vapi.post("/phone-number", json=body).json()
    assert call(sandbox, to=row["number"])["heard"].startswith("Thank you for calling Bella Napoli")
    ringing = webhook.got[0].message["call"]
    expected = (provider, "pstn") if provider in ("telnyx", "vonage") else ("vapi", "sip")
    assert (ringing["phoneCallProvider"], ringing["phoneCallTransport"]) == expected
    if provider == "vapi":
        assert ringing["assistantOverrides"]["variableValues"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"to": "+19995550000"}, 404),
        ({}, 400),
        ({"to": NUMBERS["twilio"], "loose": []}, 400),
        ({"to": NUMBERS["twilio"], "duplicates": -1}, 400),
        ({"to": NUMBERS["twilio"], "lose": "tool-calls"}, 400),
        ([], 400),
    ],
)
def test_an_unusable_control_request_is_refused(sandbox: SandboxServer, body: Any, status: int) -> None:
    answer = sandbox.control.post("/calls", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


MESSAGES = {
    "assistant-request": "ServerMessageAssistantRequest",
    "status-update": "ServerMessageStatusUpdate",
    "tool-calls": "ServerMessageToolCalls",
    "end-of-call-report": "ServerMessageEndOfCallReport",
}


def with_message_paths(document: dict[str, Any]) -> None:
    """Make each message's schema the answer of a path, so that it can be checked like one."""
    corrected(document)
    for kind, name in MESSAGES.items():
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        document["paths"][f"/message/{kind}"] = {"get": {"responses": {"200": {"content": content}}}}


def test_calls_and_messages_fit_the_official_schemas(
    sandbox: SandboxServer, vapi: httpx2.Client, webhook: Webhook
) -> None:
    spec = specs.load(CURRENT, patch=with_message_paths)
    number_with(vapi, server={"url": webhook.url})
    said = call(sandbox)
    assert {got.message["type"] for got in webhook.got} == set(MESSAGES)
    for got in webhook.got:
        spec.check("GET", f"/message/{got.message['type']}", 200, without_nulls(got.message))
    spec.check("GET", "/call", 200, vapi.get("/call").json())
    spec.check("GET", "/call/{id}", 200, vapi.get(f"/call/{said['call']}").json())
