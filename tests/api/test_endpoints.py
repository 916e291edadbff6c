"""Events are sent to endpoints: signed, again until they arrive, in order, and to nobody who is not to have them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api.conftest import Api, Json, until
from tests.support import npm_judge
from tests.support.receiver import Receiver
from trunkline.db.addresses import driver_url
from trunkline.domain.endpoints import new_secret


@pytest.fixture
def receiver(api: Api, setting: Callable[..., None]) -> Iterator[Receiver]:
    """Listens here, which is allowed; whatever is sent anywhere ends with the test."""
    setting(endpoints_allow_private=True)
    with Receiver() as opened:
        yield opened
        for one in api.get("/api/endpoints")["items"]:
            api.client.delete(f"/api/endpoints/{one['id']}").raise_for_status()


def create(api: Api, receiver: Receiver, **body: Any) -> Json:
    answer = api.post("/api/endpoints", {"url": receiver.url} | body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_the_same_key_makes_one_endpoint_and_shows_its_secret_once(api: Api, receiver: Receiver) -> None:
    first, again = (
        api.post("/api/endpoints", {"url": receiver.url}, Idempotency_Key=f"once-{receiver.url}") for _ in range(2)
    )
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert first.json()["secret"].startswith("whsec_")
    assert again.json() == first.json() | {"secret": None}
    assert len(api.get("/api/endpoints")["items"]) == 1


def execute(api: Api, *statements: str) -> list[Any]:
    engine = sa.create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(sa.text(statement))
            found = list(result) if result.returns_rows else []
    engine.dispose()
    return found


def let_an_hour_pass(api: Api) -> None:
    """Whatever waits for its next try has waited."""
    execute(api, "UPDATE endpoints SET paused_until = NULL", "UPDATE deliveries SET next_try_at = created_at")


def told_of(api: Api, subject: str) -> list[str]:
    return [event["id"] for event in api.all("/api/events", subject=subject, order="oldest")]


def test_what_happens_is_sent_as_it_is_read_and_verifies_during_a_rotation_too(api: Api, receiver: Receiver) -> None:
    made = create(api, receiver)
    roma = api.create()
    until(lambda: len(receiver.about(roma["id"])) == len(told_of(api, roma["id"])))
    listed = api.get("/api/events", subject=roma["id"], order="oldest")["items"]
    assert [got.event for got in receiver.about(roma["id"])] == listed
    assert all(got.verified_by(made["secret"]) for got in receiver.received)

    renewed = api.post(f"/api/endpoints/{made['id']}/rotate").json()
    other = api.create(assign_phone=False)
    until(lambda: receiver.about(other["id"]))
    (got,) = receiver.about(other["id"])
    assert got.verified_by(made["secret"])
    assert got.verified_by(renewed["secret"])
    everywhere = f"{api.get('/api/endpoints')} {api.get('/api/events')} {execute(api, 'SELECT * FROM endpoints')}"
    assert made["secret"] not in everywhere
    assert renewed["secret"] not in everywhere
    sent = api.post(f"/api/endpoints/{made['id']}/example", {"type": "debt.opened"}).json()
    assert (sent["status"], receiver.received[-1].event["type"]) == (200, "debt.opened")


def test_npms_library_verifies_too(api: Api, receiver: Receiver) -> None:
    if (missing := npm_judge.missing()) is not None:
        pytest.skip(missing)
    made = create(api, receiver)
    renewed = api.post(f"/api/endpoints/{made['id']}/rotate").json()
    restaurant = api.create(assign_phone=False)["id"]
    until(lambda: receiver.about(restaurant))
    (got,) = receiver.about(restaurant)
    secrets = [made["secret"], renewed["secret"], new_secret()]
    assert npm_judge.verdicts(got, secrets) == ["verified", "verified", "No matching signature found"]
    assert npm_judge.verdicts(got._replace(body=got.body + b" "), secrets[:1]) == ["No matching signature found"]


def test_a_receiver_that_was_away_gets_everything_in_order(api: Api, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "1"}, b"away\0" + b"x" * 5000)
    made = create(api, receiver)
    restaurants = [api.create()["id"] for _ in range(2)]
    path = f"/api/endpoints/{made['id']}"
    until(lambda: api.get(path)["failing_since"])
    tried = [one["attempts"] for one in api.get(f"{path}/deliveries")["items"] if one["attempts"]]
    attempt = tried[-1][0]
    assert (attempt["status"], len(attempt["answer"]), "\0" in attempt["answer"]) == (503, 2047, False)
    receiver.answer = lambda _: (200, {}, b"back")

    def all_arrived() -> bool:
        let_an_hour_pass(api)
        return all(receiver.taken(restaurant) == told_of(api, restaurant) for restaurant in restaurants)

    until(all_arrived)
    until(lambda: api.get(path)["failing_since"] is None)

    first = told_of(api, restaurants[0])[0]
    api.post(f"{path}/deliveries/{first}/resend").raise_for_status()
    until(lambda: receiver.taken(restaurants[0]).count(first) == 2)
    until(lambda: not api.get(f"{path}/deliveries", status="waiting")["items"])
    assert api.post(f"{path}/recover", {"since": "2020-01-01T00:00:00Z"}).json()["events"] == 0


def test_an_endpoint_that_is_gone_or_fails_for_days_is_disabled_which_is_owed(api: Api, receiver: Receiver) -> None:
    receiver.answer = lambda _: (410, {}, b"")
    made = create(api, receiver, types=["restaurant.created"])
    path = f"/api/endpoints/{made['id']}"
    api.create(assign_phone=False)
    until(lambda: api.get(path)["status"] == "disabled")
    (debt,) = api.owes(made["id"])
    assert debt["kind"] == "endpoint_disabled"
    assert api.get("/api/events", type="endpoint.disabled", limit=1)["items"][0]["other_id"] == made["id"]
    missed = api.create(assign_phone=False)["id"]
    receiver.answer = lambda _: (500, {}, b"")
    assert api.client.patch(path, json={"enabled": True}).json()["status"] == "enabled"
    assert api.owes(made["id"]) == []
    until(lambda: receiver.about(missed))
    until(lambda: api.get(path)["failing_since"])
    execute(api, "UPDATE endpoints SET failing_since = '2026-01-01 00:00:00+00:00'")
    let_an_hour_pass(api)
    until(lambda: api.get(path)["status"] == "disabled")
    assert "it has failed since 2026-01-01" in api.get(path)["disabled_reason"]


def test_a_slow_endpoint_holds_up_no_other(api: Api, receiver: Receiver) -> None:
    with Receiver() as slow:
        arrived = threading.Event()
        slow.answer = lambda _: (200 if arrived.wait(60) else 500, {}, b"")
        create(api, slow, types=["restaurant.created"])
        create(api, receiver, types=["restaurant.created"], format="slack")
        made = api.create(assign_phone=False)
        until(lambda: receiver.received)
        assert f"{made['name']} was created" in receiver.received[0].body.decode()
        arrived.set()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::ffff:10.0.0.1]/",
        "any",
        "https://a:b@example.com/",
    ],
)
def test_where_events_are_not_sent(api: Api, url: str) -> None:
    refused = api.post("/api/endpoints", {"url": url})
    assert (refused.status_code, refused.json()["field"]) == (422, "url")


def test_nobody_is_followed_elsewhere(api: Api, receiver: Receiver) -> None:
    receiver.answer = lambda _: (302, {"Location": receiver.url}, b"")
    made = create(api, receiver)
    sent = api.post(f"/api/endpoints/{made['id']}/example").json()
    assert (sent["status"], len(receiver.received)) == (302, 1)
