"""The world drifts by command: what was changed is told, is the same again, and shows where a vendor shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.vapi_client import client_of
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox import telnyx, twilio, vapi, vonage
from trunkline.sandbox.server import build_sandbox

ACCOUNTS = {
    "twilio": (twilio.DEFAULT_ACCOUNT, "+1415551"),
    "telnyx": (telnyx.DEFAULT_ACCOUNT, "+1415552"),
    "vonage": (vonage.DEFAULT_ACCOUNT, "+1415553"),
    "vapi": (vapi.DEFAULT_ACCOUNT, "+1415554"),
}
MARKS = {"twilio": "friendly_name", "telnyx": "customer_reference"}
WHOLE = {"price_changed", "stale_credential", "dead_target"}


def seed(sandbox: SandboxServer, each: int = 40, carriers: Iterable[str] = tuple(ACCOUNTS)) -> None:
    """So many numbers in each account and in Vapi, and one at each carrier that was given back."""
    rows: list[dict[str, Any]] = []
    for carrier in carriers:
        account, prefix = ACCOUNTS[carrier]
        for line in range(each):
            wire = {MARKS[carrier]: f"trunkline-ours-asg_{line}"} if carrier in MARKS else {}
            rows.append({"carrier": carrier, "number": f"{prefix}{line:04d}", "account": account, "wire": wire})
        back = {"carrier": carrier, "number": f"{prefix}9999", "history": ["released"]}
        rows += [back] if carrier != "vapi" else []
    sandbox.control.post("/numbers", params={"imported": "true"}, json=rows).raise_for_status()


def drift(sandbox: SandboxServer, **asked: Any) -> list[dict[str, Any]]:
    return list(sandbox.control.post("/drift", json=asked).raise_for_status().json())


def test_the_same_seed_changes_the_same_and_no_number_twice(sandbox: SandboxServer) -> None:
    seed(sandbox)
    first = drift(sandbox, seed=7, changes=40)
    assert len(first) == 40
    more = drift(sandbox, seed=8, changes=40)
    numbers = [one["number"] for one in first + more]
    assert None not in numbers
    assert len(numbers) == len(set(numbers))
    sandbox.reset()
    seed(sandbox)
    assert drift(sandbox, seed=7, changes=40) == first
    assert drift(sandbox, seed=9, changes=40) != more


def test_each_kind_happens_where_the_page_says_and_nowhere_else(sandbox: SandboxServer) -> None:
    """The page's table is what may happen; a world with enough numbers shows that it does."""
    page = (Path(__file__).parents[2] / "docs/sandbox.md").read_text()
    cells = re.findall(r"^\| `(\w+)` \|[^|]+\|([ x]*)\|([ x]*)\|([ x]*)\|([ x]*)\|$", page, re.MULTILINE)
    told = {(kind, name) for kind, *marks in cells for name, mark in zip(ACCOUNTS, marks, strict=True) if mark.strip()}
    kinds = {way.kind for vendor in build_sandbox().vendors.values() for way in vendor.drifts}
    assert {kind for kind, _ in told} == kinds
    seed(sandbox, each=60)
    done: set[tuple[str, str]] = set()
    for kind in sorted(kinds - WHOLE):
        done |= {(one["kind"], one["provider"]) for one in drift(sandbox, kinds=[kind], changes=16)}
    for kind in ("price_changed", "stale_credential"):
        done |= {(one["kind"], one["provider"]) for one in drift(sandbox, kinds=[kind], changes=9)}
    assert done == {pair for pair in told if pair[0] != "dead_target"}


def test_the_vendors_show_what_was_changed(sandbox: SandboxServer) -> None:
    seed(sandbox, carriers=("twilio",))
    kinds = ["ghost", "moved", "orphan", "still_billed", "webhook_drifted", "missing_in_vapi", "twice_in_vapi"]
    changed = {one["kind"]: one["number"] for one in drift(sandbox, kinds=kinds, changes=len(kinds))}
    held = {number["number"]: number for number in sandbox.held("twilio")}
    assert changed["ghost"] not in held
    assert held[changed["moved"]]["account"] != twilio.DEFAULT_ACCOUNT
    assert held[changed["orphan"]]["wire"]["friendly_name"].startswith("trunkline-ours-")
    assert changed["still_billed"] in held
    with client_of(sandbox) as api:
        (assistant,) = api.get("/assistant").json()
        rows = [row["number"] for row in api.get("/phone-number", params={"limit": 1000}).json()]
        assert (rows.count(changed["missing_in_vapi"]), rows.count(changed["twice_in_vapi"])) == (0, 2)
        (gone,) = drift(sandbox, kinds=["dead_target"], changes=1)
        assert (gone["number"], api.get("/assistant").json()) == (None, [])
    call = sandbox.control.post("/calls", json={"to": changed["webhook_drifted"], "from": "+14155550142"}).json()
    assert call["outcome"] == "not_reached"
    assert assistant["name"] in gone["what"]


def test_where_nothing_is_left_the_list_is_shorter(sandbox: SandboxServer) -> None:
    assert drift(sandbox, changes=5) == []
    seed(sandbox, each=1)
    assert len(drift(sandbox, kinds=["missing_in_vapi"], changes=9)) == 3


@pytest.mark.parametrize(
    ("asked", "said"), [({"kinds": ["nonsense"]}, "known are adoptable"), ({"change": 1}, "known are seed, changes")]
)
def test_what_is_unknown_is_named(sandbox: SandboxServer, asked: dict[str, Any], said: str) -> None:
    answer = sandbox.control.post("/drift", json=asked)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True)
