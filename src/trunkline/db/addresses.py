"""DATABASE_URL as our drivers take it, in whatever form it is usually written."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url

# A network that is cut gives no error by itself. A server that answers, however late, is waited for.
NETWORK = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
NAME = {"application_name": "trunkline"}  # as pg_stat_activity shows it
DEFAULT_SCHEMA = "public"  # a pooler may refuse to be told
NOT_OURS = "pgbouncer"  # other programs are told by it; here a pooler is noticed


def driver_url(url: str, asynchronous: bool = True) -> str:
    """The SQLAlchemy URL with our drivers: psycopg serves both ways, SQLite has one of ours for the asynchronous
    (`db/sqlite.py`)."""
    if url.startswith("sqlite"):
        driver = "sqlite+direct" if asynchronous else "sqlite"
        return make_url(url).set(drivername=driver).render_as_string(hide_password=False)
    return _postgresql(url).render_as_string(hide_password=False)


def _postgresql(url: str) -> URL:
    """`schema` is the search path, as other programs mean it; a host may be the folder of a socket, escaped; of several
    hosts the one is wanted that takes writes."""
    parsed = make_url(f"postgresql+psycopg:{url.partition(':')[2]}")
    query: dict[str, Any] = {name: value for name, value in parsed.query.items() if name != NOT_OURS}
    host = unquote(parsed.host or "")
    if host.startswith("/"):
        query["host"] = host
    if (schema := query.pop("schema", DEFAULT_SCHEMA)) != DEFAULT_SCHEMA:
        query["options"] = f"{query.get('options', '')} -csearch_path={schema}".strip()
    hosts = query.get("host", host)
    if not isinstance(hosts, str) or "," in hosts:
        query = {"target_session_attrs": "read-write"} | query
    return parsed.set(query=NETWORK | NAME | query)
