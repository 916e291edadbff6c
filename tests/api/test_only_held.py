"""What may be moved or imported without numbers:buy buys nothing, where the number is for sale again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx2
import pytest

from tests.api.conftest import Api, until
from tests.workflows.test_assign_number import import_number, own
from trunkline.sandbox import twilio

ACCOUNT = f"/2010-04-01/Accounts/{twilio.DEFAULT_ACCOUNT}"


@pytest.fixture(autouse=True)
def sold_again(api: Api) -> Iterator[None]:
    """What is given back at Twilio is for sale there."""
    api.sandbox.control.put("/switches", json={"twilio_released_for_sale": True}).raise_for_status()
    yield
    api.sandbox.control.put("/switches", json={"twilio_released_for_sale": False}).raise_for_status()


def give_back_at_twilio(api: Api, number: str) -> None:
    auth = (twilio.DEFAULT_ACCOUNT, twilio.DEFAULT_SECRET)
    with httpx2.Client(base_url=f"{api.sandbox.url}{ACCOUNT}", auth=auth) as client:
        found = client.get("/IncomingPhoneNumbers.json", params={"PhoneNumber": number}).json()
        (held,) = found["incoming_phone_numbers"]
        client.delete(f"/IncomingPhoneNumbers/{held['sid']}.json").raise_for_status()


def is_held(api: Api, number: str) -> bool:
    return number in {held["number"] for held in api.sandbox.held("twilio")}


def test_a_move_buys_nothing(api: Api) -> None:
    area = api.area(size=1)  # where nobody else buys what is given back
    number, other = api.idle(area_code=area), api.create(assign_phone=False)
    give_back_at_twilio(api, number)
    key = api.key("restaurants:write")
    api.anonymous.post(f"/api/numbers/{number}/move", json={"to": other["id"]}, headers=key)
    assert not is_held(api, number)
    latest = api.get(f"/api/restaurants/{other['id']}")["assignment"]
    assert (latest["reason"], latest["criteria"]) == ("no_numbers_found", {"phone_number": number, "held": "yes"})


def test_an_import_buys_nothing(api: Api) -> None:
    """Of the number that the row names only the record in Vapi is left."""
    number = "+19705550142"
    own(api.sandbox, number)
    import_number(api.sandbox, number)
    give_back_at_twilio(api, number)
    row = {"name": f"Roma {uuid.uuid4().hex[:6]}", "phone_number": number}
    body = {"rows": [row], "assign_phone": False}
    answer = api.anonymous.post("/api/restaurants/bulk", json=body, headers=api.key("restaurants:write"))
    batch = answer.json()["batch_id"]
    until(lambda: api.get(f"/api/batches/{batch}")["status"] == "done")
    assert not is_held(api, number)
    (item,) = api.get(f"/api/batches/{batch}/items")["items"]
    assert (item["status"], item["reason"]) == ("unassigned", "no_numbers_found")
