"""One application over one sandbox for all tests of the API, on each kind of database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from tests.support.app_server import AppServer, app_settings
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.sqlite import copied
from trunkline.db.addresses import driver_url
from trunkline.sandbox import twilio, vapi
from trunkline.workflows.services import Services
from trunkline.workflows.settle_debts import tidy

Json = dict[str, Any]
LONGEST_PAUSE = 0.2  # between two looks
# Real area codes of the US of which the sandbox sells nothing by itself. Numbers of 202 are those that nobody knows.
AREAS = """
    201 203 205 207 208 209 210 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 253 254 256 260
    262 267 269 270 276 281 301 302 304 307 308 309 310 313 314 315 316 317 318 319 320 321 323 325 330 331 334 336 337
    339 341 346 347 350 351 352 353 361 363 364 369 380 385 386 401 402 405 406 407 408 410 412 413 414 417 423 424 425
    430 432 434 435 440 443 445 448 458 463 464 469 470 472 475 478 479 480 484 501 502 504 505 507 508 509 510 513 515
"""


class Api:
    """The running application as its callers see it, and the sandbox behind it."""

    def __init__(self, app: AppServer, sandbox: SandboxServer) -> None:
        self.app = app
        self.url = app.url
        self.client = app.client
        self.anonymous = app.anonymous
        self.sandbox = sandbox
        self._areas = iter(AREAS.split())

    @property
    def services(self) -> Services:
        services: Services = self.app.app.state.services
        return services

    def get(self, path: str, **query: Any) -> Json:
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def all(self, path: str, **query: Any) -> list[Json]:
        """The whole list: what tests before have left may be more than a page."""
        found: list[Json] = []
        while True:
            page = self.get(path, **{"limit": 200} | query)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            query |= {"cursor": page["next_cursor"]}

    def post(self, path: str, json: Any = None, **headers: str) -> httpx2.Response:
        return self.client.post(path, json=json, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def create(self, name: str | None = None, **body: Any) -> Json:
        answer = self.post("/api/restaurants", {"name": name or f"Restaurant {uuid.uuid4().hex[:8]}"} | body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def key(self, *scopes: str, **wish: Any) -> dict[str, str]:
        """The headers of a new key."""
        answer = self.post("/api/keys", {"scopes": scopes} | wish)
        assert answer.status_code == 201, answer.text
        return bearer(answer.json()["key"])

    def area(self, size: int = 5) -> str:
        """An area code in which nobody has a number yet, and this many are for sale at Twilio."""
        code = next(self._areas)
        stock = [{"carrier": "twilio", "number": f"+1{code}55501{i:02}"} for i in range(size)]
        self.sandbox.control.post("/numbers", json=stock).raise_for_status()
        return code

    def idle(self, **wish: str) -> str:
        """A number that nobody uses, left by a restaurant that was deleted."""
        gone = self.create(**wish)
        assert self.client.delete(f"/api/restaurants/{gone['id']}").status_code == 200
        number = str(gone["phone_number"])
        until(lambda: not self.owes(number))
        self.app.do(tidy(self.services))  # it is looked every ten seconds whether a cool-down is over
        assert self.get(f"/api/numbers/{number}")["state"] == "idle"
        return number

    def owes(self, subject: str) -> list[Json]:
        return [debt for debt in self.all("/api/debts") if debt["subject"] == subject]

    def hurry(self, subject: str) -> None:
        """Let what is owed on this subject be tried now."""
        self._execute("UPDATE debts SET next_try_at = created_at WHERE subject = :subject", subject=subject)

    def age(self, table: str, row_id: str, **moments: str) -> None:
        """Let these moments of a row have been then."""
        for column, moment in moments.items():
            self._execute(f"UPDATE {table} SET {column} = :at WHERE id = :id", at=moment, id=row_id)

    def _execute(self, statement: str, **values: str) -> None:
        engine = sa.create_engine(driver_url(self.services.settings.database_url, asynchronous=False))
        with engine.begin() as connection:
            connection.execute(sa.text(statement), values)
        engine.dispose()

    def ended(self, assignment_id: str) -> Json:
        path = f"/api/assignments/{assignment_id}"
        until(lambda: self.get(path)["status"] != "running")
        return self.get(path)

    def trial(self, trial: bool) -> None:
        self.sandbox.control.put(
            f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"trial": trial, "balance": "100000"}
        ).raise_for_status()

    def refuse(self, operation: str, status: int, body: Json | None = None, **rule: Any) -> None:
        """Let Twilio answer so."""
        self.sandbox.fault(provider="twilio", operation=operation, kind="status", status=status, body=body, **rule)


def without_key(made: Json) -> Json:
    """A created restaurant but for its key, which is told once."""
    return {name: value for name, value in made.items() if name not in ("api_key", "api_key_hint")}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait for it: often at first, and soon less often, for who looks keeps the others from their work."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE)


def path_of(assignment: Json) -> list[str]:
    return [step["name"] for step in assignment["steps"]]


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    postgres: PostgresServer | None = None
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        url = copied(template, tmp_path_factory.mktemp("api"))
    else:
        postgres = request.getfixturevalue("postgres")
        assert postgres is not None
        url = postgres.fresh_database()
    with SandboxServer() as sandbox:
        with AppServer(app_settings(sandbox, url)) as app:
            yield Api(app, sandbox)
        if postgres is not None:
            postgres.drop(url)


@pytest.fixture
def api(running: Api) -> Iterator[Api]:
    """No faults, a paid account with money."""
    running.trial(False)
    yield running
    running.sandbox.control.delete("/faults")


@pytest.fixture
def setting(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change a setting of the running application for one test."""

    def change(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setattr(api.services.settings, name, value)

    return change


@pytest.fixture
def roma(api: Api) -> Json:
    """A restaurant in service."""
    return api.create(f"Roma {uuid.uuid4().hex[:6]}")


@pytest.fixture
def assistant(api: Api) -> str:
    """The id of the shared assistant."""
    key = {"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}
    listed = api.anonymous.get(f"{api.sandbox.url}/assistant", headers=key).json()
    return str(next(one["id"] for one in listed if one["name"] == "Restaurant Voice Assistant"))
