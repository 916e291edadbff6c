"""What is known of a person is gone on request, from every place that would tell it."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from tests.api.conftest import Api
from trunkline.db.addresses import driver_url
from trunkline.db.models import Base, Call


def everything(api: Api) -> str:
    """All that the tables hold, as text."""
    engine = sa.create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.connect() as connection:
        rows = [str(connection.execute(sa.select(table)).all()) for table in Base.metadata.sorted_tables]
    engine.dispose()
    return "\n".join(rows)


def put_call(api: Api, restaurant_id: str, caller: str) -> None:
    engine = sa.create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.begin() as connection:
        values = {"id": uuid.uuid4().hex, "restaurant_id": restaurant_id, "caller": caller}
        connection.execute(sa.insert(Call).values(**values))
    engine.dispose()


def test_a_deleted_restaurant_is_erased(api: Api) -> None:
    name, caller = f"Person {uuid.uuid4().hex}", "+14155557001"
    body = {"name": name, "assign_phone": False, "external_id": f"id of {name}", "metadata": {"owner": name}}
    made = api.post("/api/restaurants", body, Idempotency_Key=uuid.uuid4().hex).json()
    api.client.put(f"/api/restaurants/{made['id']}/callers", json={"callers": [caller]}).raise_for_status()
    put_call(api, made["id"], caller)
    path = f"/api/restaurants/{made['id']}/erase"
    assert api.post(path).json()["code"] == "conflict"
    api.client.delete(f"/api/restaurants/{made['id']}").raise_for_status()
    assert api.post(path).json()["calls"] == 1
    left = everything(api)
    assert name not in left
    assert caller not in left
    assert api.get(f"/api/restaurants/{made['id']}")["name"] == "erased"


def test_no_kept_answer_tells_of_an_erased_restaurant(api: Api) -> None:
    """Whatever request it was given to: for its number, for a move, for many restaurants at once."""
    name, keys = f"Person {uuid.uuid4().hex}", [uuid.uuid4().hex for _ in range(3)]
    rows = {"rows": [{"name": name, "external_id": f"id of {name}"}], "assign_phone": False}
    imported = api.post("/api/restaurants/bulk", rows, Idempotency_Key=keys[0])
    made = imported.json()["created"][0]["id"]
    path = f"/api/restaurants/{made}/phone"
    assert api.post(path, {}, Idempotency_Key=keys[1]).status_code == 201
    number, move = api.create()["phone_number"], {"to": made, "replace": True}
    assert api.post(f"/api/numbers/{number}/move", move, Idempotency_Key=keys[2]).status_code == 200
    api.client.delete(f"/api/restaurants/{made}").raise_for_status()
    assert api.post(f"/api/restaurants/{made}/erase").status_code == 200
    assert name not in everything(api)
    assert api.post(path, {}, Idempotency_Key=keys[1]).json()["name"] == "erased"
    again = api.post("/api/restaurants/bulk", rows, Idempotency_Key=keys[0])
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_caller_is_erased_in_every_form(api: Api) -> None:
    made = api.create(assign_phone=False)
    for form in ("+525587654321", "+5215587654321"):
        put_call(api, made["id"], form)
    api.client.put(f"/api/restaurants/{made['id']}/callers", json={"callers": ["+525587654321"]}).raise_for_status()
    erased = api.post("/api/calls/erase", {"caller": "+5215587654321"}).json()
    assert (erased["calls"], erased["registrations"]) == (2, 1)
    assert "5587654321" not in everything(api)
    refused = api.post("/api/calls/erase", {"caller": "12"})
    assert (refused.status_code, refused.json()["field"]) == (422, "caller")
