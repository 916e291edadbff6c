"""Two installations with the keys of one carrier account and one Vapi organisation: no number is had by both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.crash.books import Books, settled_books
from tests.crash.conftest import Site, ended
from tests.crash.scenarios import import_number
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import ServerProcess
from tests.support.sqlite import copied
from trunkline.sandbox import telnyx, twilio, vonage

EACH = 4
ACCOUNTS = {"twilio": twilio.DEFAULT_ACCOUNT, "telnyx": telnyx.DEFAULT_ACCOUNT, "vonage": vonage.DEFAULT_ACCOUNT}


@pytest.fixture
def two(sandbox: SandboxServer, migrated_sqlite: Path, tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    with ExitStack() as stack:
        sites = []
        for name in ("first", "second"):
            (folder := tmp_path / name).mkdir()
            url = copied(migrated_sqlite, folder)
            sites.append(Site(sandbox, url, folder, stack))
        yield sites[0], sites[1]


def add(sandbox: SandboxServer, carrier: str, first: str, count: int, account: str | None = None) -> list[str]:
    numbers = [f"{first}{n:02}" for n in range(count)]
    rows: list[dict[str, Any]] = [{"carrier": carrier, "number": n, "account": account} for n in numbers]
    sandbox.control.post("/numbers", json=rows).raise_for_status()
    return numbers


def ask_both(servers: tuple[ServerProcess, ServerProcess]) -> list[dict[str, Any]]:
    """Each is asked for as many numbers as there are for both, at once."""
    runs = [
        (server, server.post("/api/restaurants", name=f"Restaurant {n}")["assignment"]["id"])
        for n in range(2 * EACH)
        for server in servers
    ]
    return [ended(server, run, 60) for server, run in runs]


def served(books: Books) -> set[str]:
    return {m.number for m in books.mappings}


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "vonage", "vapi"])
def test_no_number_is_in_service_with_both(two: tuple[Site, Site], carrier: str) -> None:
    """What Vapi has idle, what the account owns and what is for sale, wanted by both at the same moment."""
    sandbox = two[0].sandbox
    sandbox.control.put("/switches", json={"vapi_seconds_until_active": {"vapi": 0}}).raise_for_status()
    there = 10
    if carrier != "vapi":
        sandbox.control.delete("/numbers", params={"carrier": carrier}).raise_for_status()
        add(sandbox, carrier, "+121255510", 4)
        owned = add(sandbox, carrier, "+121255520", 4, ACCOUNTS[carrier])
        if carrier == "twilio":
            for number in owned[:2]:
                import_number(sandbox, number)
        there = 8
    servers = two[0].start(CARRIERS=carrier), two[1].start(CARRIERS=carrier)
    assert all(server.get("/healthz") for server in servers)
    ends = ask_both(servers)
    first, second = (settled_books(sandbox, site.database_url) for site in two)
    assert served(first) & served(second) == set()
    held = {n["number"] for n in sandbox.held(carrier)}
    assert served(first) | served(second) == held
    assert {e["status"] for e in ends} == {"assigned", "unassigned"}
    assert len(held) == there or carrier == "vapi"
    assert [n for n, row in (*first.numbers.items(), *second.numbers.items()) if row.claimed_by] == []
