"""What the contract suite must know of each carrier: one small harness a carrier, and nothing else of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import Carrier
from trunkline.carriers.registry import CARRIERS
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.marks import OwnerMark
from trunkline.sandbox.server import environment
from trunkline.settings import Settings, load_settings

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
    country = "US"
    want = Criteria()
    account: str
    wrong_keys: dict[str, str]
    rival_keys: dict[str, str]

    def __str__(self) -> str:
        return self.name

    def settings(self, base_url: str, **changes: Any) -> Settings:
        values = {name.lower(): value for name, value in environment(base_url).items()}
        return load_settings(_env_file=None, **values | changes)

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


HARNESSES: list[Harness] = [TwilioHarness()]


@pytest.fixture(params=HARNESSES, ids=str)
def harness(request: pytest.FixtureRequest) -> Harness:
    found: Harness = request.param
    return found


@pytest.fixture
async def carrier(harness: Harness, sandbox: SandboxServer) -> AsyncIterator[Carrier]:
    built = harness.build(sandbox.url)
    yield built
    await built.close()


@pytest.fixture
async def offer(harness: Harness, carrier: Carrier) -> Offer:
    """One number that is for sale."""
    return (await carrier.search(harness.want, harness.country, 1))[0]
