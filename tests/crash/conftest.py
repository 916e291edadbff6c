"""Real server processes against the sandbox, on each database."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.crash.books import Books, settled_books
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import ServerProcess
from tests.support.sqlite import copied
from trunkline.db.addresses import driver_url
from trunkline.db.models import Process
from trunkline.db.processes import LONG_AGO

LONGEST_PAUSE = 0.3


def wait_until(look: Callable[[], Any], seconds: float = 120, pause: float = 0.03) -> Any:
    """What `look` gives soon after it is true; AssertionError when the time is over. It looks less and less often: each
    look is work that what is waited for needs the processor for."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE)
    return found


class Site:
    """One sandbox, one database, and the server processes on it."""

    def __init__(self, sandbox: SandboxServer, database_url: str, folder: Path, stack: ExitStack) -> None:
        self.sandbox = sandbox
        self.database_url = database_url
        self._folder = folder
        self._stack = stack
        self._count = itertools.count()

    def start(self, **changes: str) -> ServerProcess:
        log = self._folder / f"server-{next(self._count)}.log"
        return self._stack.enter_context(ServerProcess(self.sandbox, self.database_url, log, 0, **changes))

    def books(self, seconds: float = 120) -> Books:
        return settled_books(self.sandbox, self.database_url, seconds)

    def change(self, statement: sa.Update | sa.Delete) -> None:
        """Change rows behind the servers' back."""
        engine = sa.create_engine(driver_url(self.database_url, asynchronous=False))
        try:
            with engine.begin() as connection:
                connection.execute(statement)
        finally:
            engine.dispose()

    def kill(self, server: ServerProcess) -> None:
        """kill -9 of the only one, so long ago that whoever comes next need not wait for its silence."""
        server.kill()
        self.change(sa.update(Process).values(seen_at=LONG_AGO))

    def logs(self) -> str:
        return "".join(log.read_text() for log in sorted(self._folder.glob("server-*.log")))

    def hold(self, provider: str, operation: str, when: str, nth: int = 0) -> int:
        """Hold one such request, the next or one of those after it."""
        held = {"provider": provider, "operation": operation, "when": when}
        return self.sandbox.fault(kind="hold", times=1, skip=nth, **held)

    def held(self, fault: int) -> bool:
        """Whether a request has arrived and is being held."""
        rules = self.sandbox.control.get("/faults").json()
        return any(rule["id"] == fault and rule["hits"] for rule in rules)


def ended(server: ServerProcess, assignment_id: str, seconds: float = 120) -> dict[str, Any]:
    """The assignment after its end."""

    def over() -> dict[str, Any] | None:
        found = server.get(f"/api/assignments/{assignment_id}")
        return found if found["status"] != "running" else None

    return dict(wait_until(over, seconds))


def new_site(request: pytest.FixtureRequest, kind: str, folder: Path, stack: ExitStack) -> Site:
    sandbox = request.getfixturevalue("sandbox_server")
    sandbox.reset()
    if kind == "sqlite":
        return Site(sandbox, copied(request.getfixturevalue("migrated_sqlite"), folder), folder, stack)
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.fresh_database()
    stack.callback(server.drop, url)
    return Site(sandbox, url, folder, stack)


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield new_site(request, request.param, tmp_path, stack)


@pytest.fixture
def postgres_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """For what only several processes can show."""
    with ExitStack() as stack:
        yield new_site(request, "postgresql", tmp_path, stack)
