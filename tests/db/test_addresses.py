"""DATABASE_URL leads to the database in every form that is taken."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
from sqlalchemy import text

from tests.support.postgres import PostgresServer
from trunkline.bootstrap import running_services
from trunkline.db.migrate import current, ensure_current, upgrade
from trunkline.db.session import Database
from trunkline.errors import SettingsError
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio
PASSWORD = "p@ss/w:rd#?%&"


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """A database whose user's password must be escaped; it is not asked for."""
    url = postgres.empty_database()
    yield url.replace("postgres@", f"postgres:{quote(PASSWORD, safe='')}@")
    postgres.drop(url)


def parts(url: str) -> tuple[str, str]:
    """The database's name, and the folder of its socket."""
    split = urlsplit(url)
    return split.path, parse_qs(split.query)["host"][0]


def written(url: str) -> dict[str, str]:
    name, folder = parts(url)
    user = url.partition("://")[2].partition("@")[0]
    return {
        "as it is": url,
        "postgres://": url.replace("postgresql://", "postgres://"),
        "another driver": url.replace("postgresql://", "postgresql+asyncpg://"),
        "an escaped socket": f"postgresql://{user}@{quote(folder, safe='')}{name}",
        "pgbouncer=true": f"{url}&pgbouncer=true",
        "schema=public": f"{url}&schema=public",
        "sslmode": f"{url}&sslmode=prefer&application_name=ours",
        "several hosts": f"postgresql://{user}@{name}?host=/nowhere:5432&host={folder}:5432",
        "several hosts in a row": f"postgresql://{user}@{name}?host=/nowhere,{folder}",
    }


FORMS = list(written("postgresql://u@/db?host=/tmp"))


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_is_connected_to(url: str, form: str) -> None:
    address = load_settings(_env_file=None, database_url=written(url)[form]).database_url
    upgrade(address)
    ensure_current(address)
    assert current(url)
    database = Database(address)
    async with database.write() as session:
        name = await session.scalar(text("SELECT current_database()"))
    assert f"/{name}" == parts(url)[0]
    assert not database.behind_pooler
    parameters = database.connection_parameters()
    assert parameters["password"] == PASSWORD
    async with await psycopg.AsyncConnection.connect(**parameters) as connection:  # as who listens for changes does
        found = await (await connection.execute("SELECT current_database()")).fetchone()
        assert found == (name,)
    await database.close()


@pytest.mark.parametrize("form", ["another driver", "several hosts"])
async def test_the_services_run_on_it(url: str, form: str) -> None:
    known = {"vapi_api_key": "unused", "vapi_secret_key": "x", "database_url": written(url)[form]}
    settings = load_settings(_env_file=None, **known)
    upgrade(settings.database_url)
    async with running_services(settings) as services:
        assert services.installation


async def test_of_several_hosts_the_one_that_takes_writes_is_wanted(url: str) -> None:
    for form in FORMS:
        database = Database(load_settings(_env_file=None, database_url=written(url)[form]).database_url)
        wanted = database.connection_parameters().get("target_session_attrs")
        assert wanted == ("read-write" if form.startswith("several") else None)
        await database.close()
    own = Database(f"{written(url)['several hosts']}&target_session_attrs=any")
    assert own.connection_parameters()["target_session_attrs"] == "any"
    await own.close()


async def test_a_schema_of_its_own_is_the_search_path(url: str, postgres: PostgresServer) -> None:
    address = f"{url}&schema=tables"
    with pytest.raises(SettingsError, match="the schema that DATABASE_URL names is not there"):
        upgrade(address)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tables")
    upgrade(address)
    assert current(url) is None
    database = Database(address)
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM tables.restaurants")) == 0
    await database.close()


def test_a_network_that_is_cut_is_noticed() -> None:
    database = Database("postgresql://u@db.example/tl?connect_timeout=2")
    parameters = database.connection_parameters()
    assert parameters["connect_timeout"] == "2"
    assert parameters["keepalives_idle"]
    assert parameters["tcp_user_timeout"]
