"""POST, GET and DELETE /api/restaurants."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from sqlalchemy import event
from structlog.contextvars import get_contextvars

from tests.api.conftest import Api, path_of, without_key
from trunkline.workflows import manage_restaurant

GUIDE = b"""{
    "name": "My Restaurant",
    "assign_phone": true,
    "force_twilio": false
  }"""
BOUGHT = [
    "find_existing",
    "check_carrier",
    "get_credential",
    "list_owned",
    "search",
    "purchase",
    "import_number",
    "assign_assistant",
    "create_mapping",
]


def test_the_guides_curl_creates_a_restaurant_with_a_number(api: Api) -> None:
    answer = api.client.post("/api/restaurants", content=GUIDE, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["name"] == "My Restaurant"
    assert made["phone_number"].startswith("+1")
    assert made["phone_number_national"].startswith("(")
    assert made["phone_number_international"].startswith("+1 ")
    assert (made["active"], made["shared"], made["shared_with"]) == (True, False, [])
    assert made["assignment"]["status"] == "assigned"
    assert made["api_key"].startswith("trk_")
    assert answer.headers["Location"] == f"/api/restaurants/{made['id']}"
    assert {"sandbox": True} | api.get(f"/api/restaurants/{made['id']}") == without_key(made)


def test_each_step_of_a_purchase_is_shown_with_the_charts_name_and_what_it_did(api: Api) -> None:
    assignment = api.create(area_code=api.area())["assignment"]
    assert assignment["source"] == "purchased"
    assert path_of(assignment) == BOUGHT
    bought = assignment["steps"][5]
    assert bought["carrier"] == "twilio"
    assert (bought["status"], bought["attempt"]) == ("done", 1)
    assert bought["duration_ms"] >= 0
    assert bought["detail"] == f"bought {assignment['phone_number']} for 1.15 USD a month"
    assert assignment["started_at"] <= bought["started_at"] <= assignment["ended_at"]


def test_an_idle_number_is_reused(api: Api) -> None:
    api.idle()
    idle = [row["number"] for row in api.all("/api/numbers", state="idle")]
    made = api.create()
    assert (made["phone_number"] in idle, made["assignment"]["source"]) == (True, "existing")
    assert path_of(made["assignment"]) == ["find_existing", "assign_existing"]


def test_force_twilio_skips_existing_numbers(api: Api) -> None:
    api.idle()
    assignment = api.create(force_twilio=True)["assignment"]
    assert assignment["status"] == "assigned"
    assert path_of(assignment)[0] == "check_carrier"
    assert assignment["force_twilio"] is True


def test_without_assign_phone_there_is_a_restaurant_and_no_assignment(api: Api) -> None:
    made = api.create(assign_phone=False)
    assert (made["phone_number"], made["assignment"], made["active"]) == (None, None, False)


@pytest.mark.parametrize(
    ("wish", "begins"),
    [
        ({"area_code": "303"}, ("+1303",)),
        ({"country": "CA"}, ("+1416", "+1604")),
        ({"country": "gb", "number_type": "mobile"}, ("+447",)),
        ({"number_type": "toll_free"}, ("+1833", "+1844", "+1855")),
        ({"country": "US", "contains": "50132"}, ("+1",)),
    ],
)
def test_the_number_is_as_it_was_asked_for(api: Api, wish: dict[str, str], begins: tuple[str, ...]) -> None:
    if "area_code" in wish:  # others may have bought what was there
        api.sandbox.control.post("/numbers", json=[{"carrier": "twilio", "number": f"{begins[0]}5550977"}])
    made = api.create(**wish)
    assert made["phone_number"].startswith(begins)
    assert wish.get("contains", "") in made["phone_number"]


def test_a_carrier_that_is_slow_is_not_waited_for_too_long(api: Api, setting: Callable[..., None]) -> None:
    setting(assign_wait_seconds=0.1)
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.6, times=1)
    answer = api.post("/api/restaurants", {"name": "Patience", "area_code": api.area()})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["assignment"]["status"], made["phone_number"]) == ("running", None)
    assert answer.headers["Location"] == f"/api/assignments/{made['assignment']['id']}"
    assert api.ended(made["assignment"]["id"])["status"] == "assigned"


def test_who_prefers_not_to_wait_is_answered_at_once(api: Api) -> None:
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.3, times=1)
    answer = api.post(
        "/api/restaurants", {"name": "Hurry", "area_code": api.area()}, Prefer="handling=strict, respond-async"
    )
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    made = answer.json()
    assert made["assignment"]["status"] == "running"
    assert answer.headers["Location"] == f"/api/assignments/{made['assignment']['id']}"
    assert made["api_key"].startswith("trk_")
    ended = api.ended(made["assignment"]["id"])
    assert api.get(f"/api/restaurants/{made['id']}")["phone_number"] == ended["phone_number"] is not None


@pytest.mark.parametrize(("country", "prefers"), [("SE", "respond-async"), ("NO", "")])
def test_a_carrier_that_hangs_keeps_nobody_from_creating(
    api: Api, setting: Callable[..., None], country: str, prefers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which types it sells is asked before anything is created, so that the field at fault is named."""
    setting(assign_wait_seconds=0.2)
    monkeypatch.setattr(manage_restaurant, "OFFERED_SECONDS", 60)
    api.sandbox.fault(provider="twilio", operation="*", kind="hold")
    began = time.monotonic()
    wish = {"name": "Unhurried", "country": country, "number_type": "toll_free", "force_twilio": True}
    answer = api.post("/api/restaurants", wish, Prefer=prefers)
    again = api.post(f"/api/assignments/{answer.json()['assignment']['id']}/retry", Prefer=prefers)
    assert time.monotonic() - began < 50, "the carrier was waited for"
    assert (answer.status_code, answer.json()["assignment"]["status"]) == (202 if prefers else 201, "running")
    assert again.json()["code"] == "assignment_running"
    api.sandbox.control.delete("/faults")
    api.ended(answer.json()["assignment"]["id"])


def test_what_is_known_of_a_carrier_is_said_to_who_does_not_wait(api: Api) -> None:
    wish = {"name": "Known", "country": "US", "number_type": "mobile", "carrier": "twilio"}
    assert api.post("/api/restaurants", wish).status_code == 422
    answer = api.post("/api/restaurants", wish, Prefer="respond-async")
    assert (answer.status_code, answer.json()["field"]) == (422, "number_type")


def test_an_assignment_that_another_process_runs_is_waited_for_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_here(run_id: str, seconds: float) -> None:
        return None

    monkeypatch.setattr(api.services.engine, "wait", not_here)
    assert api.create()["assignment"]["status"] == "assigned"


def test_what_is_done_on_a_sandbox_says_so(api: Api, setting: Callable[..., None]) -> None:
    played = api.post("/api/restaurants", {"name": "Roma", "assign_phone": False})
    assert played.json()["sandbox"] is True
    assert api.client.get(played.headers["Location"]).headers["X-Trunkline-Sandbox"] == "true"
    setting(vapi_api_key=SecretStr("a key of Vapi"))
    real = api.post("/api/restaurants", {"name": "Roma", "assign_phone": False})
    assert "sandbox" not in real.json()
    assert "X-Trunkline-Sandbox" not in real.headers


def test_a_list_is_paged_to_its_end_without_gaps(api: Api) -> None:
    prefix = uuid.uuid4().hex
    made = [api.create(f"{prefix} {i}", assign_phone=False)["id"] for i in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = api.get("/api/restaurants", search=prefix.upper(), limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted(made)
    assert cursor is None


def test_a_list_is_narrowed_by_number_and_by_name(api: Api) -> None:
    prefix = uuid.uuid4().hex
    with_number = api.create(f"{prefix} 100%")["id"]
    without = api.create(f"{prefix} 1000", assign_phone=False)["id"]

    def ids(**query: object) -> list[str]:
        return [row["id"] for row in api.get("/api/restaurants", **query)["items"]]

    assert ids(search=prefix, has_number="true") == [with_number]
    assert ids(search=prefix, has_number="false") == [without]
    assert ids(search=f"{prefix} 100%") == [with_number]  # a % is a %


def test_a_longer_page_needs_no_more_queries(api: Api) -> None:
    prefix = uuid.uuid4().hex
    for i in range(6):
        api.create(f"{prefix} {i}", assign_phone=i % 2 == 0)
    asked: Counter[str | None] = Counter()

    def count(*_: object) -> None:
        asked[get_contextvars().get("request_id")] += 1  # other work of the server shares the connections

    engine = api.services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        query = {"search": prefix}
        pages = [api.client.get("/api/restaurants", params=query | {"limit": limit}) for limit in (1, 6)]
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert [len(page.json()["items"]) for page in pages] == [1, 6]
    counts = [asked[page.headers["X-Request-ID"]] for page in pages]
    assert 1 < counts[0] == counts[1] <= 6


def test_a_deleted_restaurant_frees_its_number_and_keeps_its_history(api: Api) -> None:
    made = api.create()
    answer = api.client.delete(f"/api/restaurants/{made['id']}")
    assert (answer.status_code, answer.json()) == (200, {"id": made["id"], "freed_number": made["phone_number"]})
    kept = api.get(f"/api/restaurants/{made['id']}")
    assert (kept["phone_number"], kept["deleted_at"] is not None) == (None, True)
    assert made["id"] in [row["id"] for row in api.all("/api/restaurants", deleted=True)]
    assert api.client.delete(f"/api/restaurants/{made['id']}").status_code == 404
    number = api.get(f"/api/numbers/{made['phone_number']}")
    assert number["restaurants"] == []
    last = number["mappings"][-1]
    assert (last["restaurant_name"], last["end_reason"]) == (made["name"], "restaurant_deleted")


def test_a_restaurant_without_a_number_frees_none(api: Api) -> None:
    made = api.create(assign_phone=False)
    assert api.client.delete(f"/api/restaurants/{made['id']}").json()["freed_number"] is None


def test_a_restaurant_is_not_deleted_while_its_assignment_runs(api: Api) -> None:
    api.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="latency", seconds=0.5, times=1)
    made = api.post("/api/restaurants", {"name": "Busy", "area_code": api.area()}, Prefer="respond-async").json()
    answer = api.client.delete(f"/api/restaurants/{made['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "assignment_running")
    assert made["assignment"]["id"] in answer.json()["hint"]
    api.ended(made["assignment"]["id"])
    assert api.client.delete(f"/api/restaurants/{made['id']}").status_code == 200
