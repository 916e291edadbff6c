"""What every test may use."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from tests.support.desk import Desk, Opener, sandbox_settings
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.sqlite import copied, make_template
from trunkline.bootstrap import running_services
from trunkline.db.session import Database
from trunkline.routing import service
from trunkline.workflows import put_in_service


def pytest_configure() -> None:
    """Nothing is asked that is not on loopback. The authorities that a machine trusts are a quarter of a megabyte, and
    each new client would read them: here they are a folder that has none. What is started keeps its bytecode, and
    hears Ctrl-C: what a shell starts in the background is deaf to it, and so is all that is started from there."""
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([*structlog.get_config()["processors"][:-1], plain])  # the other takes seconds for a traceback


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """`-n auto` is two more than there are cores, who have something to do while others wait: for the pause after a
    refusal, for a purchase that may show late, for a server that starts."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session", autouse=True)
def own_heap() -> Iterator[None]:
    """The router takes all that is there when it starts out of the garbage collector's sight. In a server's process it
    does so once; here, where it starts a thousand times, it would visit the tests' own million objects each time."""
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "gc", SimpleNamespace(collect=lambda: 0, freeze=lambda: None, unfreeze=lambda: None))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """A program has one engine, here each test has one or two, and each would compile every statement anew: a fifth of
    the tests' time. So the dialects of one kind count as one, and what they have compiled is kept by all."""
    compiled = LRUCache[Any, Any](5000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
        patch.setattr(DefaultDialect, "__eq__", lambda dialect, other: type(dialect) is type(other))
        patch.setattr(Engine, "_compiled_cache", property(lambda _: compiled, lambda _, __: None), raising=False)
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_server: SandboxServer) -> SandboxServer:
    """A running sandbox in its default state."""
    sandbox_server.reset()
    return sandbox_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of our own, started by the first test that needs it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and no rows, to be copied."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind with all tables and no rows."""
    if request.param == "sqlite":
        yield copied(request.getfixturevalue("migrated_sqlite"), tmp_path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.fresh_database()
        yield url
        server.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, opened."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def open_desk(sandbox: SandboxServer, database_url: str) -> Opener:
    """Starts the services with changed settings; several times in a row on the same database, if need be."""

    @asynccontextmanager
    async def opener(**changes: Any) -> AsyncIterator[Desk]:
        async with running_services(sandbox_settings(sandbox, database_url, **changes)) as services:
            yield Desk(services, sandbox)

    return opener


@pytest.fixture
async def desk(open_desk: Opener) -> AsyncIterator[Desk]:
    """The services at work against the sandbox, on each database."""
    async with open_desk() as opened:
        yield opened


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen stays true: who counts requests counts no second look, which a slow machine would make needed."""
    monkeypatch.setattr(put_in_service, "FRESH_SECONDS", 600)
    monkeypatch.setattr(put_in_service, "MARKING_SHARE", 600)
