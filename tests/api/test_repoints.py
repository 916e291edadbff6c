"""Pointing numbers in service at what is to answer them."""

from __future__ import annotations

from collections.abc import Callable

import httpx2

from tests.api.conftest import Api, until
from trunkline.sandbox import vapi
from trunkline.settings import Routing


def vapi_row(api: Api, number: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}
    query = {"search": number}
    answer = httpx2.get(f"{api.sandbox.url}/v2/phone-number", params=query, headers=headers).raise_for_status().json()
    (row,) = answer["results"]
    return dict(row)


def repoint(api: Api) -> dict[str, object]:
    begun = api.post("/api/numbers/repoint")
    assert begun.status_code == 202, begun.text
    where = begun.headers["Location"]
    until(lambda: api.get(where)["status"] != "running")
    return api.get(where)


def test_after_a_change_of_mode_a_dry_run_counts_and_a_run_points_right(api: Api, setting: Callable[..., None]) -> None:
    number = str(api.create(force_twilio=True, area_code=api.area())["phone_number"])
    assert repoint(api)["status"] == "done"
    before = api.post("/api/numbers/repoint", {"dry_run": True}).json()
    assert (before["routing"], before["wrong"]) == ("assistant", 0)
    setting(vapi_routing=Routing.SERVER, public_backend_url="https://trunkline.example.com")
    drift = api.post("/api/numbers/repoint", {"dry_run": True})
    assert drift.status_code == 200
    told = drift.json()
    assert (told["routing"], told["right"]) == ("server", 0)
    assert told["wrong"] >= 1
    assert vapi_row(api, number).get("server") is None
    run = repoint(api)
    assert (run["status"], run["moved"]) == ("done", told["wrong"])
    assert vapi_row(api, number)["server"]["url"] == "https://trunkline.example.com/api/vapi/server"  # type: ignore[index]
    setting(vapi_routing=Routing.ASSISTANT)
    assert repoint(api)["moved"] == told["wrong"]
    assert vapi_row(api, number).get("assistantId")


def test_an_unknown_run_is_not_found(api: Api) -> None:
    answer = api.client.get("/api/repoints/rpt_none")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_unknown_field_starts_nothing(api: Api) -> None:
    assert api.post("/api/numbers/repoint", {"dry_run": "yes"}).status_code == 422
    assert api.post("/api/numbers/repoint", {"dryrun": True}).status_code == 422
