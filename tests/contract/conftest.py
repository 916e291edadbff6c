"""What the contract suite must know of each carrier: one small harness a carrier, and nothing else of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from tests.support.given import given
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import Carrier
from trunkline.carriers.registry import CARRIERS
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.marks import OwnerMark
from trunkline.sandbox import vapi
from trunkline.sandbox.server import environment
from trunkline.settings import Settings

MARK = OwnerMark("inst0001", "asg_0001")
OTHER_MARK = OwnerMark("inst0001", "asg_0002")


class Harness:
    """One carrier as the suite sees it. The operations are the sandbox's names of the requests.

    `page` is the most numbers that one page of the listing holds, `second_page` what only the request for the second
    page contains. `refusal` is the body of a permanent refusal that the carrier may give to a purchase.
    """

    name: str
    search: str
    create: str
    listing: str
    release: str
    page: int
    second_page: str
    refusal: dict[str, Any]
    in_vapi = "vapi"
    switches: ClassVar[dict[str, Any]] = {}
    country = "US"
    want = Criteria()
    account: str
    wrong_keys: dict[str, str]
    rival_keys: dict[str, str]

    def __str__(self) -> str:
        return self.name

    def settings(self, base_url: str, **changes: Any) -> Settings:
        values = {name.lower(): value for name, value in environment(base_url).items()}
        return given(**values | changes)

    def build(self, base_url: str, **changes: Any) -> Carrier:
        return CARRIERS[self.name](self.settings(base_url, **changes))

    def add_rival(self, sandbox: SandboxServer) -> None:
        """Open the second account that `rival_keys` belong to."""
        raise NotImplementedError

    def give(self, sandbox: SandboxServer, account: str, *numbers: str) -> None:
        """Put numbers into an account's hands."""
        rows = [{"carrier": self.name, "number": number, "account": account} for number in numbers]
        sandbox.control.post("/numbers", json=rows).raise_for_status()

    def created(self, sandbox: SandboxServer) -> int:
        """How many purchases the carrier was asked for."""
        return len(sandbox.requests(provider=self.name, operation=self.create))

    def held(self, sandbox: SandboxServer) -> list[str]:
        return [row["number"] for row in sandbox.held(self.name)]

    def fault(self, sandbox: SandboxServer, operation: str, **rule: Any) -> None:
        sandbox.fault(provider=self.name, operation=operation, **rule)


class TwilioHarness(Harness):
    name = "twilio"
    search = "available_numbers.search"
    create = "incoming_numbers.create"
    listing = "incoming_numbers.list"
    release = "incoming_numbers.delete"
    page = 1000
    second_page = "Page=1"
    refusal = {"code": 21452, "message": "No phone numbers found", "status": 400}  # noqa: RUF012
    account = environment("")["TWILIO_ACCOUNT_SID"]
    wrong_keys = {"twilio_auth_token": "not-the-token"}  # noqa: RUF012
    rival_keys = {"twilio_account_sid": "AC" + "9" * 32, "twilio_auth_token": "the-rivals-token"}  # noqa: RUF012

    def add_rival(self, sandbox: SandboxServer) -> None:
        path = f"/accounts/twilio/{self.rival_keys['twilio_account_sid']}"
        sandbox.control.put(path, json={"secret": self.rival_keys["twilio_auth_token"]}).raise_for_status()


class TelnyxHarness(Harness):
    name = "telnyx"
    search = "available_phone_numbers.list"
    create = "number_orders.create"
    listing = "phone_numbers.list"
    release = "phone_numbers.delete"
    page = 250
    second_page = "page%5Bnumber%5D=2"
    refusal = {"errors": [{"code": "10027", "title": "Invalid field", "detail": "no such field"}]}  # noqa: RUF012
    account = "telnyx"
    wrong_keys = {"telnyx_api_key": "KEY0NOT0OURS"}  # noqa: RUF012
    rival_keys = {"telnyx_api_key": "KEY0OF0THE0RIVAL"}  # noqa: RUF012
    switches: ClassVar[dict[str, Any]] = {"telnyx_order_polls": 0}

    def settings(self, base_url: str, **changes: Any) -> Settings:
        """Without a lag, so that a number is known to be gone as soon as it is released."""
        return super().settings(base_url, listing_lag_seconds=0, **changes)

    def add_rival(self, sandbox: SandboxServer) -> None:
        secret = self.rival_keys["telnyx_api_key"]
        sandbox.control.put("/accounts/telnyx/rival", json={"secret": secret}).raise_for_status()


class VonageHarness(Harness):
    name = "vonage"
    search = "number.search"
    create = "number.buy"
    listing = "account.numbers"
    release = "number.cancel"
    page = 100
    second_page = "index=2"
    refusal = {"country": "Is required."}  # noqa: RUF012
    account = environment("")["VONAGE_API_KEY"]
    wrong_keys = {"vonage_api_secret": "not-the-secret"}  # noqa: RUF012
    rival_keys = {"vonage_api_key": "0f0f0f0f", "vonage_api_secret": "the-rivals-secret"}  # noqa: RUF012
    # Vonage names the application of a number by its id alone.
    in_vapi = "application"

    def add_rival(self, sandbox: SandboxServer) -> None:
        path = f"/accounts/vonage/{self.rival_keys['vonage_api_key']}"
        sandbox.control.put(path, json={"secret": self.rival_keys["vonage_api_secret"]}).raise_for_status()


class VapiHarness(Harness):
    name = "vapi"
    create = "phone_numbers.create"
    listing = "phone_numbers.list_v2"
    release = "phone_numbers.delete"
    page = 1000
    second_page = "page=2"
    refusal = {"message": ["name must be a string"], "error": "Bad Request", "statusCode": 400}  # noqa: RUF012
    account = vapi.DEFAULT_ACCOUNT
    wrong_keys = {"vapi_api_key": "the-public-key"}  # noqa: RUF012
    switches: ClassVar[dict[str, Any]] = {"vapi_seconds_until_active": {"vapi": 0}}


EXACT: list[Harness] = [TwilioHarness(), TelnyxHarness(), VonageHarness()]
EVERY: list[Harness] = [*EXACT, VapiHarness()]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exact: only for carriers that sell a number one has chosen")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "harness" in metafunc.fixturenames:
        exact = metafunc.definition.get_closest_marker("exact") is not None
        metafunc.parametrize("harness", EXACT if exact else EVERY, ids=str)


@pytest.fixture(autouse=True)
def switched(harness: Harness, sandbox: SandboxServer) -> None:
    sandbox.control.put("/switches", json=harness.switches).raise_for_status()


@pytest.fixture
async def carrier(harness: Harness, sandbox: SandboxServer) -> AsyncIterator[Carrier]:
    built = harness.build(sandbox.url)
    yield built
    await built.close()


@pytest.fixture
async def offer(harness: Harness, carrier: Carrier) -> Offer:
    """One number that is for sale."""
    return (await carrier.search(harness.want, harness.country, 1))[0]
