"""The sandbox's Vapi: organisations side by side, what their plans allow, and what no source tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.sandbox.vapi_client import (
    NUMBERS,
    ORG,
    TWILIO_SID,
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

OTHER, OTHER_KEY = "22222222-2222-4222-8222-222222222222", "key-of-the-other-org"
SOMEBODY = "11111111-1111-4111-8111-111111111111"
SECOND = "+14155550188"


@pytest.fixture
def vapi(sandbox: SandboxServer, vapi: httpx2.Client) -> httpx2.Client:
    """The same, with a second number at Twilio."""
    give(sandbox, "twilio", SECOND, TWILIO_SID)
    return vapi


@pytest.fixture
def other(sandbox: SandboxServer, vapi: httpx2.Client) -> Iterator[httpx2.Client]:
    account(sandbox, "vapi", OTHER, secret=OTHER_KEY)
    with client_of(sandbox, OTHER_KEY) as client:
        yield client


def imported(vapi: httpx2.Client, number: str = NUMBERS["twilio"]) -> httpx2.Response:
    return vapi.post("/phone-number", json=twilio_import(number))


def test_every_record_names_its_organisation(vapi: httpx2.Client, other: httpx2.Client) -> None:
    for client, org, number in ((vapi, ORG, NUMBERS["twilio"]), (other, OTHER, SECOND)):
        client.post("/assistant", json={"name": "A"}).raise_for_status()
        client.post("/tool", json={"type": "endCall"}).raise_for_status()
        credential(client, "byo-sip-trunk")
        assert imported(client, number).status_code == 201
        for path in ("/phone-number", "/credential", "/assistant", "/tool"):
            assert {row["orgId"] for row in client.get(path).json()} == {org}, path


def test_a_number_may_be_in_two_organisations_unless_switched(
    sandbox: SandboxServer, vapi: httpx2.Client, other: httpx2.Client
) -> None:
    assert imported(vapi).status_code == 201
    assert imported(other).status_code == 201
    switch(sandbox, vapi_duplicate_across_orgs="refuse", vapi_duplicate_import="conflict")
    assert imported(vapi, SECOND).status_code == 201
    refused(imported(other, SECOND), 409)


def test_a_plan_allows_so_many_imported_numbers(
    sandbox: SandboxServer, vapi: httpx2.Client, other: httpx2.Client
) -> None:
    account(sandbox, "vapi", OTHER, extra={"import_limit": 1})
    assert imported(other).status_code == 201
    assert refused(imported(other, SECOND), 403) == "Your plan's phone number limit is reached."
    assert imported(vapi, SECOND).status_code == 201
    assert other.post("/phone-number", json={"provider": "vapi", "numberDesiredAreaCode": "415"}).status_code == 201
    account(sandbox, "vapi", OTHER, extra={})
    switch(sandbox, vapi_import_limit=0, vapi_import_limit_refusal={"status": 402, "message": "Upgrade."})
    assert refused(imported(other, "+12065550103"), 402) == "Upgrade."


def test_imports_may_want_a_payment_method(sandbox: SandboxServer, vapi: httpx2.Client, other: httpx2.Client) -> None:
    account(sandbox, "vapi", OTHER, extra={"import_payment": False})
    assert refused(imported(other), 402) == "A payment method is required."
    assert wire(sandbox, "twilio", NUMBERS["twilio"]).get("voice_url") == ""
    assert imported(vapi).status_code == 201
    switch(sandbox, vapi_import_payment=False)
    refused(imported(vapi, SECOND), 402)


def test_keys_of_another_twilio_region_open_nothing_for_vapi(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    account(sandbox, "twilio", TWILIO_SID, extra={"region": "ie1"})
    assert refused(imported(vapi), 400) == "Number Not Found on Twilio"
    account(sandbox, "twilio", TWILIO_SID, extra={"region": "us1"})
    assert imported(vapi).status_code == 201


def test_a_telnyx_account_of_another_region_opens_nothing_for_vapi(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    account(sandbox, "telnyx", "telnyx-of-the-test", extra={"region": "eu"})
    body = {"provider": "telnyx", "number": NUMBERS["telnyx"], "credentialId": credential(vapi, "telnyx")}
    assert refused(vapi.post("/phone-number", json=body), 400).endswith("status code 401")


def test_a_european_organisation_writes_its_own_hosts(
    sandbox: SandboxServer, vapi: httpx2.Client, other: httpx2.Client
) -> None:
    account(sandbox, "vapi", OTHER, extra={"region": "eu"})
    switch(sandbox, vapi_delete_at_twilio="blank")
    row = imported(other).json()
    assert wire(sandbox, "twilio", NUMBERS["twilio"])["voice_url"] == "https://api.eu.vapi.ai/twilio/inbound_call"
    played = sandbox.control.post("/calls", json={"to": NUMBERS["twilio"]}).json()
    assert played["why"] is None
    other.delete(f"/phone-number/{row['id']}").raise_for_status()
    assert wire(sandbox, "twilio", NUMBERS["twilio"])["voice_url"] == ""


def test_a_number_with_an_assistant_that_nobody_has(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    refused(vapi.post("/phone-number", json=twilio_import(assistantId=SOMEBODY)), 400)
    row = imported(vapi).json()
    change: dict[str, Any] = {"provider": "twilio", "assistantId": SOMEBODY}
    assert SOMEBODY in refused(vapi.patch(f"/phone-number/{row['id']}", json=change), 400)
    switch(sandbox, vapi_unknown_assistant="accept")
    assert vapi.patch(f"/phone-number/{row['id']}", json=change).json()["assistantId"] == SOMEBODY
    played = sandbox.control.post("/calls", json={"to": row["number"]}).json()
    assert (played["outcome"], played["ended_reason"]) == ("hung_up", "call.start.error-get-assistant")


def test_what_null_does_in_a_change(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    assistant = vapi.get("/assistant").json()[0]["id"]
    row = vapi.post("/phone-number", json=twilio_import(assistantId=assistant)).json()
    change: dict[str, Any] = {"provider": "twilio", "assistantId": None, "name": "B"}
    switch(sandbox, vapi_patch_null="refused")
    refused(vapi.patch(f"/phone-number/{row['id']}", json=change), 400)
    switch(sandbox, vapi_patch_null="ignored")
    kept = vapi.patch(f"/phone-number/{row['id']}", json=change).json()
    assert (kept["assistantId"], kept["name"]) == (assistant, "B")
    switch(sandbox, vapi_patch_null="clears")
    assert "assistantId" not in vapi.patch(f"/phone-number/{row['id']}", json=change).json()


def test_one_area_code_that_is_left_is_hinted_alone(sandbox: SandboxServer, vapi: httpx2.Client) -> None:
    sandbox.control.delete("/numbers", params={"carrier": "vapi"}).raise_for_status()
    sandbox.control.post("/numbers", json={"carrier": "vapi", "number": "+13854872200"}).raise_for_status()
    body = {"provider": "vapi", "numberDesiredAreaCode": "415"}
    assert refused(vapi.post("/phone-number", json=body), 400).endswith("Hint: Try 385.")
