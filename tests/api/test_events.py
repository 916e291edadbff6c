"""What happened is listed, followed and told as a story, to each as far as he may see it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx2
import jsonschema
import pytest

from tests.api.conftest import Api, Json
from tests.api.test_openapi import DOCUMENT
from trunkline.api.described.events import example_of
from trunkline.domain.events import EventType


def types(found: list[Json]) -> list[str]:
    return [event["type"] for event in found]


def follow(api: Api, count: int, **headers: str) -> list[Json]:
    """The next events of a stream."""
    found: list[Json] = []
    with api.client.stream("GET", "/api/events/stream", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                found.append(json.loads(line[5:]))
                if len(found) == count:
                    break
    return found


def test_the_story_of_a_restaurant_and_of_its_number(api: Api, roma: Json) -> None:
    listed = api.get("/api/events", subject=roma["id"], order="oldest")["items"]
    assert types(listed)[:2] == ["restaurant.created", "assignment.started"]
    assert types(listed)[-2:] == ["number.assigned", "assignment.ended"]
    assert listed == api.get("/api/events", subject=roma["id"])["items"][::-1]
    assert {event["actor"]["name"] for event in listed} == {"X-Vapi-Secret"}
    assert api.get("/api/events", subject=roma["id"], type="number.assigned")["items"] == [listed[-2]]
    first = api.get("/api/events", subject=roma["id"], order="oldest", limit=3)
    rest = api.get("/api/events", subject=roma["id"], order="oldest", cursor=first["next_cursor"])
    assert first["items"] + rest["items"] == listed
    for event in listed:
        jsonschema.validate(event, DOCUMENT["components"]["schemas"]["Event"] | {"components": DOCUMENT["components"]})

    told = api.get(f"/api/history/{roma['phone_number']}")["items"]
    assert f"{roma['phone_number']} is in service" in [line["text"] for line in told]
    assert api.get(f"/api/history/{roma['name']}")["items"][0]["text"] == f"{roma['name']} was created"
    assert api.get(f"/api/history/{roma['assignment']['id']}")["items"][0]["text"] == "an assignment began"
    nothing = api.client.get("/api/history/asg_0000000000000000")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")


def test_a_stream_goes_on_behind_the_last_event_and_misses_nothing(api: Api) -> None:
    one, two = (api.create(assign_phone=False)["id"] for _ in range(2))
    (first,) = api.get("/api/events", subject=one)["items"]
    (second,) = follow(api, 1, **{"Last-Event-ID": first["id"]})
    assert second["restaurant_id"] == two
    everything = follow(api, 2, **{"Last-Event-ID": "evt_that_is_not_kept_any_more"})
    assert everything == api.get("/api/events", order="oldest", limit=2)["items"]


def test_a_stream_ends_with_its_key(api: Api) -> None:
    made = api.post("/api/keys", {"scopes": ["events:read"]}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    with (
        httpx2.Client(base_url=api.url, timeout=10) as client,
        client.stream("GET", "/api/events/stream", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert api.post(f"/api/keys/{made['id']}/revoke").status_code == 200
        name = api.create(assign_phone=False)["name"]
        assert [line for line in answer.iter_lines() if name in line] == []


def test_a_restaurants_key_sees_its_own_and_no_more_than_concerns_it(api: Api, roma: Json) -> None:
    other = api.create(assign_phone=False)
    body = {"scopes": ["events:read"], "restaurant": roma["id"]}
    key = {"Authorization": f"Bearer {api.post('/api/keys', body).json()['key']}"}
    seen = api.anonymous.get("/api/events", headers=key).json()["items"]
    assert {event["restaurant_id"] for event in seen} == {roma["id"]}
    assert {event["actor"]["name"] for event in seen} == {None}
    assert "purchase.bought" not in types(seen)
    assert api.anonymous.get("/api/events", headers=key, params={"type": "debt.opened"}).json()["items"] == []
    assert api.anonymous.get(f"/api/history/{other['id']}", headers=key).status_code == 404
    without = {"Authorization": f"Bearer {roma['api_key']}"}
    assert api.anonymous.get("/api/events", headers=without).status_code == 403


def test_what_is_asked_wrongly_names_the_field(api: Api) -> None:
    for query, field in (
        ({"type": "number.lost"}, "type"),
        ({"since": "yesterday"}, "since"),
        ({"order": "x"}, "order"),
    ):
        refused = api.client.get("/api/events", params=query)
        assert (refused.status_code, refused.json()["field"].split(".")[0]) == (422, field)


def webhooks() -> Iterator[tuple[str, Json]]:
    for kind, methods in DOCUMENT["webhooks"].items():
        yield kind, methods["post"]["requestBody"]["content"]["application/json"]


def test_the_document_has_every_event_as_a_webhook_with_an_example_that_fits() -> None:
    assert {kind for kind, _ in webhooks()} == set(EventType)
    for _, content in webhooks():
        schema = content["schema"] | {"components": DOCUMENT["components"]}
        for example in content["examples"].values():
            jsonschema.validate(example["value"], schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("kind", EventType)
def test_an_event_is_told_without_words_of_the_programs(kind: EventType) -> None:
    assert re.findall(r"\b[a-z]+_[a-z]+\b", example_of(kind)["text"].replace("max_numbers", "")) == []


def test_a_reason_goes_to_what_was_done_for_it(api: Api, roma: Json) -> None:
    path = f"/api/numbers/{roma['phone_number']}/unassign"
    long = api.client.post(path, params={"reason": "x" * 10_000})
    assert (long.status_code, long.json()["field"]) == (422, "reason")
    api.client.post(path, params={"reason": "the house was sold"}).raise_for_status()
    told = api.get("/api/events", subject=roma["id"], type="number.unassigned")["items"]
    assert [event["reason"] for event in told] == ["the house was sold"]
    api.client.delete(f"/api/restaurants/{roma['id']}", params={"reason": "closed"}).raise_for_status()
    # the worker's debt.settled may follow at any time
    ended = [line for line in api.get(f"/api/history/{roma['id']}")["items"] if line["type"] == "restaurant.deleted"]
    assert [line["reason"] for line in ended] == ["closed"]
