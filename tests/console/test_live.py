"""An open page is told of what happens: at once, with nothing missed after a lost connection, and of nobody else's."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.console.conftest import Shop, Visitor
from tests.console.test_forms import until
from tests.support.vapi_messages import shape

Told = tuple[str, int]


@contextmanager
def following(visitor: Visitor, query: str, last: str | None = None) -> Iterator[Iterator[Told]]:
    """The messages of a stream, each its id and how many events it stands for."""
    headers = {"Last-Event-ID": last} if last else {}
    timeout = httpx2.Timeout(60)
    with visitor.client.stream("GET", f"/live{query}", headers=headers, timeout=timeout) as answer:
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        yield messages(answer.iter_lines())


def messages(lines: Iterator[str]) -> Iterator[Told]:
    """Until nothing is told for a minute; a stream that says nothing says all the while that it is there."""
    said: dict[str, str] = {}
    told_at = time.monotonic()
    for line in lines:
        assert time.monotonic() - told_at < 60, "nothing is told"
        name, _, value = line.partition(": ")
        if line:
            said[name] = value
        elif said.get("event") == "told":
            yield said.get("id", ""), int(said["data"])
            said, told_at = {}, time.monotonic()


def happened(stream: Iterator[Told]) -> Told:
    """The next message that stands for anything: one that does not only says to look again."""
    return next(told for told in stream if told[1])


def test_a_page_is_told_at_once_then_of_each_change_and_of_what_was_missed(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant(assign_phone=False)
    here, rename = f"?about={made['id']}", f"/api/restaurants/{made['id']}"

    def change() -> None:
        body = {"name": f"Da {uuid.uuid4().hex[:6]}"}
        shop.app.client.patch(rename, json=body).raise_for_status()

    with following(operator, here) as stream:
        assert next(stream)[1] == 0
        change()
        last, count = happened(stream)
        assert count == 1
    change()
    shop.restaurant(assign_phone=False)  # somebody else
    change()
    with following(operator, here, last) as stream:
        newest, count = next(stream)
        assert count == 2
    assert newest != last
    with following(operator, f"?type=restaurant.changed&type=nonsense&after={last}") as stream:
        assert next(stream) == (newest, 2)


def test_each_step_of_a_run_is_told(shop: Shop, operator: Visitor) -> None:
    made = shop.restaurant(assign_phone=False)
    shop.sandbox.control.post("/numbers", json=[{"carrier": "twilio", "number": "+19075550101"}]).raise_for_status()
    hold = shop.sandbox.fault(provider="twilio", operation="search", kind="hold")
    path, later = f"/api/restaurants/{made['id']}/phone", {"Prefer": "respond-async"}
    with following(operator, f"?about={made['id']}") as stream:
        next(stream)
        assert shop.app.client.post(path, json={"area_code": "907"}, headers=later).status_code == 202
        page = f"/restaurants/{made['id']}/story"
        until(lambda: next(stream) and "search" in operator.get(page).split('class="steps"')[-1])
        shop.sandbox.control.delete(f"/faults/{hold}")
        until(
            lambda: (
                next(stream) and ">in service<" in operator.get(page) and "It is under way" not in operator.get(page)
            )
        )


def test_nobody_is_told_who_is_not_logged_in_and_a_restaurant_of_itself_alone(shop: Shop, stranger: Visitor) -> None:
    assert stranger.client.get("/live").status_code == 401
    made = shop.restaurant(assign_phone=False)
    assert stranger.log_in(made["api_key"]).status_code == 303
    with following(stranger, "") as stream:
        next(stream)
        shop.restaurant(assign_phone=False)
        shop.app.client.patch(f"/api/restaurants/{made['id']}", json={"name": "Da Pino"}).raise_for_status()
        assert happened(stream)[1] == 1


def test_calls_are_told_and_whoever_comes_again_misses_none(shop: Shop, operator: Visitor) -> None:
    def ring() -> None:
        message = shape("status-update in-progress", call={"id": str(uuid.uuid4())})
        shop.app.client.post("/api/vapi/server", json={"message": message}).raise_for_status()

    newest = re.findall(r"/live/calls(\?after=\d+)?", operator.get("/calls"))[0]
    with following(operator, f"/calls{newest}") as stream:
        next(stream)
        ring()
        last, count = happened(stream)
        assert count == 1
    before = len(shop.api("/api/calls")["items"])
    ring()
    ring()
    until(lambda: len(shop.api("/api/calls")["items"]) == before + 2)  # they are written down a little later
    with following(operator, "/calls", last) as stream:
        assert next(stream)[1] == 2
    assert 'hx-sse:connect="/console/live/calls?after=' in operator.get("/calls")
    odd = shape("status-update in-progress", call={"id": str(uuid.uuid4())}, customer={"number": "sip:nobody@pbx"})
    shop.app.client.post("/api/vapi/server", json={"message": odd}).raise_for_status()
    until(lambda: "sip:nobody@pbx" in operator.get("/calls"))
    assert "hx-sse:connect" not in operator.get("/calls?unrouted=yes")


def test_an_open_page_of_a_key_that_is_revoked_ends(shop: Shop, stranger: Visitor) -> None:
    made = shop.app.client.post("/api/keys", json={"scopes": ["numbers:read"]}).json()
    stranger.log_in(made["key"])
    with following(stranger, "") as stream:
        next(stream)
        shop.app.client.post(f"/api/keys/{made['id']}/revoke").raise_for_status()
        assert list(stream)
    assert stranger.client.get("/live").status_code == 401


@pytest.fixture(autouse=True)
def no_faults(shop: Shop) -> Iterator[None]:
    yield
    shop.sandbox.control.delete("/faults")
