"""The typed client against a real server: what it asks, what it answers, what it raises."""

from __future__ import annotations

import inspect
import shutil
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.support.app_server import SECRET, AppServer, app_settings
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import ServerProcess
from trunkline.client import ApiError, AsyncTrunkline, ServerUnreachable, Trunkline, models
from trunkline.client.models import Batch, BatchItem
from trunkline.workflows.pace_callers import Callers

MODELS = [
    kind
    for kind in vars(models).values()
    if inspect.isclass(kind) and issubclass(kind, models.Answer) and kind is not models.Answer
]


@pytest.fixture(scope="module")
def server(
    sandbox_server: SandboxServer, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppServer]:
    sandbox_server.reset()
    file = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("client") / "trunkline.sqlite")
    with AppServer(app_settings(sandbox_server, f"sqlite:///{file}")) as running:
        yield running


@pytest.fixture
def client(server: AppServer) -> Iterator[Trunkline]:
    with Trunkline(server.url, SECRET) as opened:
        yield opened


def test_a_restaurant_from_its_creation_to_its_deletion(client: Trunkline) -> None:
    created = client.create_restaurant("Roma", area_code="415", idempotency_key="roma")
    assert created.api_key
    assert created.phone_number is not None
    assert created.assignment is not None
    assert [step.name for step in created.assignment.steps][-1] == "create_mapping"
    assert client.create_restaurant("Roma", area_code="415", idempotency_key="roma").id == created.id
    assert client.restaurant(created.id).phone_number == created.phone_number
    number = client.number(created.phone_number)
    assert (number.state, number.monthly_price, number.currency) == ("in_service", Decimal("1.15"), "USD")
    assert number.bought_at is not None
    assert number.bought_at.utcoffset() is not None
    assert client.delete_restaurant(created.id).freed_number == created.phone_number
    assert client.restaurant(created.id).deleted_at is not None
    with pytest.raises(ApiError) as refused:
        client.delete_restaurant(created.id)
    assert (refused.value.code, refused.value.status) == ("not_found", 404)
    assert refused.value.hint == "GET /api/restaurants lists them"


def test_lists_are_read_to_their_end(client: Trunkline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.client.wire.PAGE", 2)
    made = [client.create_restaurant(f"Pages {n}", assign_phone=False).id for n in range(5)]
    assert [r.id for r in client.restaurants(search="pages", has_number=False)] == made
    assert [r.id for r in client.restaurants(search="nobody has this name")] == []


def test_an_answer_that_is_not_waited_for_can_be_asked_for_later(client: Trunkline) -> None:
    begun = client.create_restaurant("Later", wait=False)
    assert begun.assignment is not None
    while (run := client.assignment(begun.assignment.id)).status == "running":
        pass
    assert run.status == "assigned"
    assert begun.id in [a.restaurant_id for a in client.assignments(restaurant_id=begun.id)]


def test_a_batch_is_planned_started_and_watched(client: Trunkline) -> None:
    made = {client.create_restaurant(f"Batch {n}", assign_phone=False).id for n in range(3)}
    plan = client.plan_batch(search="batch", carrier="twilio", limit=2)
    assert (plan.restaurants, plan.carrier) == (2, "twilio")
    batch = client.start_batch(search="batch", carrier="twilio")
    told = list(client.watch_batch(batch.id))
    assert {item.restaurant_id for item in told if isinstance(item, BatchItem)} == made
    last = told[-1]
    assert isinstance(last, Batch)
    assert (last.status, last.counts.assigned) == ("done", 3)
    assert {item.restaurant_id for item in client.batch_items(batch.id)} == made
    assert batch.id in [b.id for b in client.batches()]
    with pytest.raises(ApiError, match="every restaurant of the batch has its number"):
        client.resume_batch(batch.id)
    with pytest.raises(ApiError, match="there is no batch"):
        list(client.watch_batch("bat_0000000000000000"))


def test_a_number_is_priced_bought_and_released(client: Trunkline) -> None:
    offer = client.search_numbers(limit=1, area_code="212").items[0]
    assert offer.number is not None
    assert client.price_of_number(offer.number).monthly_price == offer.monthly_price
    assert client.buy_number(offer.number).state == "idle"
    assert client.import_number(offer.number).voice_id
    release = client.release_number(offer.number, give_back=True)
    while release.status == "running":
        release = client.release(release.id)
    assert release.status == "done"
    assert list(client.debts()) == []


@pytest.mark.anyio
async def test_the_async_client_does_the_same(server: AppServer) -> None:
    async with AsyncTrunkline(server.url, SECRET) as client:
        made = [(await client.create_restaurant(f"Async {n}", assign_phone=False)).id for n in range(2)]
        assert [r.id async for r in client.restaurants(search="async")] == made
        batch = await client.start_batch(search="async")
        told = [event async for event in client.watch_batch(batch.id)]
        assert {item.restaurant_id for item in told if isinstance(item, BatchItem)} == set(made)
        with pytest.raises(ApiError) as refused:
            await client.number("12")
        assert (refused.value.code, refused.value.field) == ("invalid_input", "number")


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Trunkline) == public(AsyncTrunkline)
    assert list(inspect.signature(Trunkline.create_restaurant).parameters)[:2] == ["self", "name"]


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_a_model_has_the_fields_of_the_apis_document(server: AppServer, kind: type[msgspec.Struct]) -> None:
    schema = server.anonymous.get("/openapi.json").json()["components"]["schemas"][kind.__name__]
    assert set(schema["properties"]) == {field.name for field in msgspec.structs.fields(kind)}


def test_a_wrong_secret_is_told(server: AppServer) -> None:
    with Trunkline(server.url, "wrong") as client, pytest.raises(ApiError) as refused:
        list(client.numbers())
    assert (refused.value.code, refused.value.status) == ("unauthorized", 401)


def test_an_id_cannot_lead_to_another_path(client: Trunkline) -> None:
    with pytest.raises(ApiError) as refused:
        client.restaurant("../debts")
    assert refused.value.code == "not_found"


# --- servers that are not there, or not ours -------------------------------------------------------------------------


def test_no_server_says_how_to_start_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Trunkline(url) as client, pytest.raises(ServerUnreachable) as lost:
            client.health()
    assert not lost.value.sent
    assert str(lost.value).startswith(f"no server answers at {url} (start one with `trunkline serve`")


def test_a_server_that_does_not_answer_in_time_may_have_done_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Trunkline(url, timeout=0.2) as client, pytest.raises(ServerUnreachable, match="did not answer") as lost:
            client.create_restaurant("Roma")
    assert lost.value.sent


class Stranger(BaseHTTPRequestHandler):
    """Some other program, which answers everything in its own way."""

    answer: tuple[int, bytes] = (200, b"")

    def do_GET(self) -> None:
        self.send_response(self.answer[0])
        self.end_headers()
        self.wfile.write(self.answer[1])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (200, b'{"a": 1}'), (200, b"[]"), (404, b"<html>"), (500, b'{"code": 5}'), (302, b"")]
)
def test_an_answer_that_is_not_trunklines_is_told(answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stranger, "answer", answer)
    with HTTPServer(("127.0.0.1", 0), Stranger) as other:
        thread = threading.Thread(target=other.serve_forever, daemon=True)
        thread.start()
        with Trunkline(f"http://127.0.0.1:{other.server_port}") as client:
            for call in (client.health, lambda: list(client.debts()), lambda: list(client.watch_batch("bat_1"))):
                with pytest.raises(ApiError) as refused:
                    call()
                assert refused.value.code == "unexpected_answer"
        other.shutdown()
        thread.join(60)


def test_watching_goes_on_over_a_restart_of_the_server(sandbox: SandboxServer, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    database, secret = f"sqlite:///{tmp_path / 'trunkline.sqlite'}", "a-secret-of-the-tests"
    told: list[Batch | BatchItem] = []
    with ServerProcess(sandbox, database, tmp_path / "first.log", port=port) as first:
        assert first.client
        with Trunkline(f"http://127.0.0.1:{port}", secret) as client:
            made = {client.create_restaurant(f"Roma {n}", assign_phone=False).id for n in range(30)}
            sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.3)
            batch = client.start_batch()
            watching = threading.Thread(target=lambda: told.extend(client.watch_batch(batch.id)), daemon=True)
            watching.start()
            while not sandbox.held("twilio"):
                pass
            first.kill()
            with ServerProcess(sandbox, database, tmp_path / "second.log", port=port):
                watching.join(60)
    assert {item.restaurant_id for item in told if isinstance(item, BatchItem)} == made
    last = told[-1]
    assert isinstance(last, Batch)
    assert last.counts.assigned == len(sandbox.held("twilio")) == 30


@pytest.mark.anyio
async def test_a_client_that_comes_too_early_waits_as_long_as_it_is_told(
    server: AppServer, client: Trunkline, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = server.app.state.services
    pauses: list[float] = []

    monkeypatch.setattr(services.settings, "api_rate_per_minute", 1)
    key = client.create_key(["restaurants:read"]).key

    def lift(seconds: float) -> None:
        pauses.append(seconds)
        services.callers = Callers()

    async def lift_soon(seconds: float) -> None:
        lift(seconds)

    monkeypatch.setattr("trunkline.client.client.time", SimpleNamespace(sleep=lift))
    monkeypatch.setattr("trunkline.client.async_client.asyncio", SimpleNamespace(sleep=lift_soon))
    with Trunkline(server.url, key) as early:
        for _ in range(2):
            early.identity()
    async with AsyncTrunkline(server.url, key) as early_too:
        await early_too.identity()
    assert len(pauses) == 2
    assert all(1 <= pause <= 60 for pause in pauses)
    monkeypatch.setattr("trunkline.client.wire.LONGEST_PAUSE", 0)
    with Trunkline(server.url, key) as early, pytest.raises(ApiError) as refused:
        early.identity()
    assert refused.value.code == "too_many_requests"
