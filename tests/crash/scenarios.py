"""Every outside call of the flow, and how to bring it about."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import httpx2

from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox import twilio, vapi

SPARES = (f"+141555598{n:02}" for n in itertools.count())


@dataclass(frozen=True)
class Call:
    """One outside call of the flow, made in a scenario:

    purchase: nothing is idle; existing: Vapi has an idle number; owned: the Twilio account has one; detached: a number
    of ours is idle in Vapi and Twilio is forced; trial: the account may hold no further number; new_credential: Vapi
    has no credential for the account.
    """

    step: str
    provider: str
    operation: str
    scenario: str = "purchase"
    carrier: str = "twilio"

    def __str__(self) -> str:
        return f"{self.step} {self.carrier} {self.operation} {self.scenario}"

    @property
    def wish(self) -> dict[str, object]:
        """How the restaurant asks for its number."""
        if self.carrier != "twilio" or self.scenario == "trial":  # else a trial goes on to the next carrier
            return {"carrier": self.carrier}
        return {"force_twilio": True} if self.scenario == "detached" else {}


CALLS = [
    Call("find_existing", "vapi", "phone_numbers.list_v2"),
    Call("assign_existing", "vapi", "phone_numbers.update", "existing"),
    Call("get_credential", "vapi", "credentials.list"),
    Call("get_credential", "vapi", "credentials.create", "new_credential"),
    Call("list_owned", "twilio", "incoming_numbers.list"),
    Call("search", "twilio", "available_numbers.search"),
    Call("purchase", "twilio", "incoming_numbers.create"),
    Call("import_number", "vapi", "phone_numbers.create"),
    Call("import_number", "vapi", "phone_numbers.create", "owned"),
    Call("assign_assistant", "vapi", "phone_numbers.update", "detached"),
    Call("reuse_trial_number", "twilio", "incoming_numbers.create", "trial"),
    Call("purchase", "telnyx", "number_orders.create", carrier="telnyx"),
    Call("purchase", "telnyx", "number_orders.get", carrier="telnyx"),
    Call("import_number", "vapi", "phone_numbers.create", carrier="telnyx"),
    Call("purchase", "vonage", "number.buy", carrier="vonage"),
    Call("import_number", "vapi", "phone_numbers.create", carrier="vonage"),
    Call("purchase", "vapi", "phone_numbers.create", carrier="vapi"),
    Call("assign_assistant", "vapi", "phone_numbers.update", carrier="vapi"),
]
ALL_CARRIERS = ("twilio", "telnyx", "vonage", "vapi")


def vapi_client(sandbox: SandboxServer) -> httpx2.Client:
    return httpx2.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"})


def prepare(sandbox: SandboxServer, scenario: str) -> None:
    """What the world is like before the restaurant asks for its number."""
    trial = {"trial": scenario == "trial"}
    sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json=trial).raise_for_status()
    if scenario in ("existing", "owned"):
        spare = next(SPARES)
        number = {"carrier": "twilio", "number": spare, "account": twilio.DEFAULT_ACCOUNT}
        sandbox.control.post("/numbers", json=number).raise_for_status()
        if scenario == "existing":
            import_number(sandbox, spare)
    if scenario == "new_credential":
        sandbox.control.put("/switches", json={"vapi_credential_delete_in_use": "allow"}).raise_for_status()
        with vapi_client(sandbox) as client:
            for credential in client.get("/credential").json():
                client.delete(f"/credential/{credential['id']}").raise_for_status()


def import_number(sandbox: SandboxServer, number: str) -> None:
    keys = {"twilioAccountSid": twilio.DEFAULT_ACCOUNT, "twilioAuthToken": twilio.DEFAULT_SECRET}
    with vapi_client(sandbox) as client:
        client.post("/phone-number", json={"provider": "twilio", "number": number} | keys).raise_for_status()
