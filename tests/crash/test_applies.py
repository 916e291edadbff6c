"""kill -9 before and after the outside calls of a plan that is carried out: it ends where it was to end.

Which calls there are is asked of a run that nobody disturbs. A request that only reads lies between two that change
something, whose blows leave the same outside and in the books, so that it gets its own only where what is done cannot
be taken back. PostgreSQL gets the changes of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.crash.conftest import Site, ended, new_site, wait_until
from tests.support.lists import bought_before
from tests.support.server_process import QUICK
from trunkline.sandbox import twilio

LISTED_AFTER = float(QUICK["PROVIDER_TIMEOUT_SECONDS"]) + float(QUICK["LISTING_LAG_SECONDS"])
ACCOUNT = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
Operation = tuple[str, str]


@dataclass(frozen=True)
class Scene:
    """What drifts, what the plan may do beside repairs, and which changes it has then."""

    kind: str
    changes: tuple[str, ...]
    buy: bool = False
    release: bool = False

    def __str__(self) -> str:
        return " ".join(self.changes)


SCENES = [
    Scene("stale_credential", ("renew_credential",)),  # of all numbers there are, so that it comes before others go
    Scene("missing_in_vapi", ("import_again",)),
    Scene("twice_in_vapi", ("remove_twin",)),
    Scene("misrouted", ("connect",)),
    Scene("webhook_drifted", ("lead_to_vapi",)),
    Scene("orphan", ("adopt",)),
    Scene("orphan", ("release",), release=True),
    Scene("ghost", ("mark_released", "buy"), buy=True),
    Scene("moved", ("record",)),
]


@dataclass(frozen=True)
class Call:
    """The `nth` request of its operation that the run makes."""

    provider: str
    operation: str
    nth: int
    changes: bool


class Yard:
    """A site whose server is killed by each blow and started again for the next: the books go on."""

    def __init__(self, site: Site, postgres: bool) -> None:
        self.site, self.postgres = site, postgres
        self.control = site.sandbox.control
        self.control.put(ACCOUNT, json={"balance": "100000"}).raise_for_status()
        self.settings: dict[str, str] = {}
        self.server = site.start()
        self.serve("one")
        self.installation = site.books().installation
        self.keys = 0

    def serve(self, name: str) -> None:
        ended(self.server, self.server.post("/api/restaurants", name=name)["assignment"]["id"])

    def drift(self, scene: Scene) -> dict[str, Any]:
        """The plan of a world in which that has happened."""
        if scene.kind == "stale_credential":
            self.renew_keys(scene)
        else:
            self.serve(str(scene))
            self.site.change(bought_before(LISTED_AFTER))
            asked = {"kinds": [scene.kind], "changes": 1}
            assert self.control.post("/drift", json=asked).raise_for_status().json()
        return dict(wait_until(lambda: (made := self.plan(scene))["changes"] and made, pause=0.3))

    def renew_keys(self, scene: Scene) -> None:
        """Other keys of the same account, which the server is started anew with. Which ones Vapi has was known."""
        assert self.plan(scene)["changes"] == 0
        self.keys += 1
        self.settings["TWILIO_AUTH_TOKEN"] = token = f"{twilio.DEFAULT_SECRET}-{self.keys}"
        self.control.put(ACCOUNT, json={"secret": token}).raise_for_status()
        self.site.kill(self.server)
        self.server = self.site.start(**self.settings)

    def plan(self, scene: Scene) -> dict[str, Any]:
        policy = {"buy": scene.buy, "release": scene.release}
        return dict(self.server.client.post("/api/reconcile/plans", json=policy).raise_for_status().json())

    def shown(self, scene: Scene) -> tuple[dict[str, Any], Counter[Operation]]:
        """The plan once more, and what it has asked: the same is asked again before a run begins."""
        before = len(self.site.sandbox.requests())
        plan = self.plan(scene)
        return plan, Counter(operations(self.site.sandbox.requests(after=before)))

    def apply(self, scene: Scene, plan: dict[str, Any]) -> str:
        yes = {"checksum": plan["checksum"], "buy": scene.buy, "release": scene.release}
        asked = self.server.post(f"/api/reconcile/plans/{plan['id']}/apply", **yes, confirm=self.installation)
        return str(asked["id"])

    def calls(self, scene: Scene) -> list[Call]:
        """What a run asks outside, in its order. Where several changes go side by side, each kind of request once."""
        several = self.drift(scene)["changes"] > 1
        plan, before = self.shown(scene)
        begun, found = len(self.site.sandbox.requests()), list[Call]()
        self.over(run := self.apply(scene, plan))
        asked = self.site.sandbox.requests(after=begun)
        self.check(scene, run, "undisturbed")
        for request in asked:
            provider, operation = one = request["provider"], request["operation"]
            before[one] -= 1
            if before[one] < 0 and not (several and before[one] < -1):
                found.append(Call(provider, operation, -1 - before[one], request["method"] != "GET"))
        assert found
        return found

    def strike(self, scene: Scene, call: Call, when: str) -> None:
        self.drift(scene)
        plan, before = self.shown(scene)
        nth = before[call.provider, call.operation] + call.nth
        fault = self.site.hold(call.provider, call.operation, when, nth)
        run = self.apply(scene, plan)
        wait_until(lambda: self.site.held(fault))
        self.site.kill(self.server)
        self.control.delete(f"/faults/{fault}")
        self.server = self.site.start(**self.settings)
        self.check(scene, run, f"{when} {call}")

    def over(self, run: str) -> None:
        def look() -> dict[str, Any] | None:
            found = dict(self.server.get(f"/api/reconcile/applies/{run}"))
            return found if found["status"] != "running" else None

        found = wait_until(look, 60)
        assert found["status"] == "done", found

    def check(self, scene: Scene, run: str, what: str) -> None:
        self.over(run)
        items = self.server.get(f"/api/reconcile/applies/{run}/items")["items"]
        assert {item["change"] for item in items} == set(scene.changes), what
        assert {item["status"] for item in items} == {"done"}, (what, items)
        books = self.site.books()
        assert books.wrongs() == [], what
        assert books.settled(), what
        assert self.plan(scene)["changes"] == 0, what


def operations(requests: list[dict[str, Any]]) -> list[Operation]:
    return [(request["provider"], request["operation"]) for request in requests]


TRIED = [("sqlite", scene) for scene in SCENES]
TRIED += [("postgresql", scene) for scene in SCENES if scene.buy or scene.release]  # what cannot be taken back


@pytest.fixture(scope="module")
def yard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with ExitStack() as stack:
        site = new_site(request, request.param, tmp_path_factory.mktemp("yard"), stack)
        yield Yard(site, request.param == "postgresql")


@pytest.mark.parametrize(("yard", "scene"), TRIED, ids=str, indirect=["yard"])
def test_killed_at_every_outside_call(yard: Yard, scene: Scene) -> None:
    lasting = scene.buy or scene.release
    for call in yard.calls(scene):
        if call.changes and not yard.postgres:
            yard.strike(scene, call, "before")
        if call.changes or (lasting and not yard.postgres):
            yard.strike(scene, call, "after")
