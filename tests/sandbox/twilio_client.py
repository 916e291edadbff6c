"""A plain client of the sandbox's Twilio, and what its tests do again and again."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.twilio import DEFAULT_ACCOUNT, DEFAULT_SECRET

SUB = "AC" + "50b" * 10 + "01"
SUB_TOKEN = "sandbox-sub-token"


class TwilioApi:
    """One account's view of the sandbox; `account` may be another one's SID than the credentials'."""

    def __init__(
        self,
        sandbox: SandboxServer,
        account: str = DEFAULT_ACCOUNT,
        user: str | None = None,
        password: str = DEFAULT_SECRET,
    ) -> None:
        self.sandbox, self.account = sandbox, account
        self.http = httpx2.Client(base_url=sandbox.url, auth=(user or account, password), timeout=60, verify=False)
        self.base = f"/2010-04-01/Accounts/{account}"

    def get(self, path: str, **query: Any) -> httpx2.Response:
        return self.http.get(self.base + path, params=query)

    def post(self, path: str, **form: Any) -> httpx2.Response:
        return self.http.post(self.base + path, data=form)

    def search(self, country: str = "US", kind: str = "Local", **query: Any) -> list[dict[str, Any]]:
        answer = self.get(f"/AvailablePhoneNumbers/{country}/{kind}.json", **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["available_phone_numbers"])

    def found(self, country: str = "US", kind: str = "Local", **query: Any) -> list[str]:
        return [str(row["phone_number"]) for row in self.search(country, kind, **query)]

    def buy(self, number: str, **form: Any) -> dict[str, Any]:
        answer = self.post("/IncomingPhoneNumbers.json", PhoneNumber=number, **form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def listed(self, kind: str = "", **query: Any) -> list[str]:
        answer = self.get(f"/IncomingPhoneNumbers{kind}.json", **query)
        assert answer.status_code == 200, answer.text
        return [str(row["phone_number"]) for row in answer.json()["incoming_phone_numbers"]]

    def balance(self) -> str:
        return str(self.get("/Balance.json").json()["balance"])

    def switch(self, **values: Any) -> None:
        answer = self.sandbox.control.put("/switches", json={f"twilio_{name}": value for name, value in values.items()})
        answer.raise_for_status()

    def set_account(self, account: str = DEFAULT_ACCOUNT, **fields: Any) -> None:
        self.sandbox.control.put(f"/accounts/twilio/{account}", json=fields).raise_for_status()

    def subaccount(self, **extra: Any) -> TwilioApi:
        """A subaccount of the default account, seen with its own credentials."""
        self.set_account(SUB, secret=SUB_TOKEN, extra={"parent": DEFAULT_ACCOUNT} | extra)
        return TwilioApi(self.sandbox, SUB, password=SUB_TOKEN)

    def sell(self, *numbers: str, **fields: Any) -> None:
        """Put numbers up for sale, or with `account=` into somebody's hands, whoever had them before."""
        rows = [{"carrier": "twilio", "number": number} | fields for number in numbers]
        self.sandbox.control.post("/numbers", params={"replace": "true"}, json=rows).raise_for_status()


def refused(answer: httpx2.Response, code: int, message: str, status: int = 400) -> None:
    """The answer is this refusal, in the shape of every error of the 2010 API."""
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    assert answer.json() == {"code": code, "message": message, "more_info": more_info, "status": status}
    assert answer.status_code == status
