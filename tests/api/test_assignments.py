"""GET /api/assignments and its retry."""

from __future__ import annotations

from collections.abc import Callable

from tests.api.conftest import Api


def test_an_assignment_is_read_as_its_restaurant_shows_it(api: Api) -> None:
    code = api.area()
    made = api.create(area_code=code)
    read = api.get(f"/api/assignments/{made['assignment']['id']}")
    assert read == made["assignment"]
    assert (read["restaurant_id"], read["criteria"]) == (made["id"], {"area_code": code})


def test_assignments_are_listed_newest_first_and_narrowed(api: Api) -> None:
    made = api.create(carrier="vonage")
    for _ in range(2):
        api.post(f"/api/restaurants/{made['id']}/phone", {"carrier": "vonage"})
    api.post(f"/api/restaurants/{made['id']}/phone", {})
    page = api.get("/api/assignments", restaurant_id=made["id"], limit=3)
    rest = api.get("/api/assignments", restaurant_id=made["id"], limit=3, cursor=page["next_cursor"])
    rows = page["items"] + rest["items"]
    assert [row["status"] for row in rows] == ["assigned", "unassigned", "unassigned", "unassigned"]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert rest["next_cursor"] is None
    narrowed = api.get("/api/assignments", restaurant_id=made["id"], status="assigned")["items"]
    assert [row["id"] for row in narrowed] == [rows[0]["id"]]


def test_a_retry_asks_again_for_the_same(api: Api, setting: Callable[..., None]) -> None:
    setting(retry_for_seconds=0.2)
    code = api.area()
    api.refuse("*", 503)
    failed = api.create(area_code=code, force_twilio=True)["assignment"]
    assert failed["status"] == "failed"
    api.sandbox.control.delete("/faults")
    answer = api.post(f"/api/assignments/{failed['id']}/retry")
    assert answer.status_code == 201
    again = answer.json()
    assert again["id"] != failed["id"]
    assert (again["status"], again["criteria"], again["force_twilio"]) == ("assigned", {"area_code": code}, True)
    assert again["phone_number"].startswith(f"+1{code}")
    assert answer.headers["Location"] == f"/api/assignments/{again['id']}"

    refused = api.post(f"/api/assignments/{failed['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_assigned")


def test_a_retry_need_not_be_waited_for(api: Api) -> None:
    made = api.create(carrier="vonage")
    api.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", kind="latency", seconds=0.3, times=1)
    answer = api.post(f"/api/assignments/{made['assignment']['id']}/retry", Prefer="respond-async")
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert api.ended(answer.json()["id"])["reason"] == "carrier_not_configured"


def test_what_does_not_exist_is_not_found(api: Api) -> None:
    for answer in (api.client.get("/api/assignments/asg_none"), api.post("/api/assignments/asg_none/retry")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.get("/api/assignments", restaurant_id="rst_none") == {"items": [], "next_cursor": None}
