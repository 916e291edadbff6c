"""Who began something is kept with it, and whoever goes on with it does so in their name."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tests.api.conftest import Api, until
from tests.api.test_batches import Crowd
from trunkline.db.addresses import driver_url
from trunkline.db.models import Assignment, Base, Batch

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def actor(api: Api, table: type[Base], run_id: str) -> Any:
    engine = sa.create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.connect() as connection:
        found = connection.scalar(sa.select(table.__table__.c.actor).where(table.__table__.c.id == run_id))
    engine.dispose()
    return found


def test_a_request_and_a_batch_sign_what_they_begin(api: Api) -> None:
    asked = {"X-Request-ID": "req-of-a-person", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    answer = api.client.post("/api/restaurants", json={"name": "Signed"}, headers=asked)
    begun = answer.json()["assignment"]["id"]
    by = {"name": "X-Vapi-Secret", "request_id": "req-of-a-person", "trace_id": TRACE}
    assert actor(api, Assignment, begun) == {"kind": "secret"} | by

    crowd = Crowd(api, 1)
    answer = api.client.post("/api/batches", json={"search": crowd.word}, headers=asked)
    batch = answer.json()["id"]
    assert actor(api, Batch, batch) == {"kind": "secret"} | by
    until(lambda: api.get(f"/api/batches/{batch}")["status"] == "done")
    (item,) = api.get(f"/api/batches/{batch}/items")["items"]
    assert actor(api, Assignment, item["assignment_id"]) == {
        "kind": "batch",
        "id": batch,
        "request_id": "req-of-a-person",
        "trace_id": TRACE,
    }
