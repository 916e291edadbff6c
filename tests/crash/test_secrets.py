"""After a full run no secret stands in clear in any table, log line, error, metric or trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.crash.conftest import Site, ended
from tests.support.server_process import SECRET, ServerProcess
from trunkline.domain.keys import hash_key
from trunkline.sandbox.server import environment

NAMES = ("TOKEN", "SECRET", "KEY")


def secrets_of(site: Site) -> dict[str, str]:
    keys = environment(site.sandbox.url) | {"VAPI_SECRET_KEY": SECRET}
    public = {"VONAGE_API_KEY"}  # an account's name, like Twilio's account SID
    return {name: v for name, v in keys.items() if name.endswith(NAMES) and name not in public}


def cells(database_url: str) -> Iterator[tuple[str, str]]:
    """(table, value as text) of every cell of every table, the engine's included."""
    if database_url.startswith("sqlite"):
        file = make_url(database_url).database
        for path in (file, f"{file}.engine"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                tables = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    for row in connection.execute(f'SELECT * FROM "{table}"'):
                        yield from ((table, str(value)) for value in row)
        return
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, table in found:
            for row in connection.execute(f'SELECT * FROM "{schema}"."{table}"'.encode()):
                yield from ((f"{schema}.{table}", str(value)) for value in row)


def told_once(server: ServerProcess, restaurant: dict[str, Any]) -> dict[str, str]:
    """Whatever a person is shown a single time, each made with a key of idempotency where that keeps an answer."""

    def post(path: str, **body: Any) -> Any:
        answer = server.client.post(path, json=body, headers={"Idempotency-Key": path})
        assert answer.is_success, answer.text
        return answer.json()

    made = post("/api/keys", scopes=["calls:read"], comment="the till")
    endpoint = post("/api/endpoints", url="http://127.0.0.1:9/nobody-is-there")
    (row,) = post("/api/restaurants/bulk", rows=[{"name": "of a file"}], assign_phone=False)["created"]
    door = server.client.post("/console/login", data={"credential": SECRET})
    cookie = door.cookies["trunkline_visit"]
    assert server.client.get("/console/restaurants").status_code == 200  # with the cookie that it keeps
    return {
        "the restaurant's key": restaurant["api_key"],
        "its renewed key": post(f"/api/restaurants/{restaurant['id']}/rotate-key")["api_key"],
        "a key": made["key"],
        "a renewed key": post(f"/api/keys/{made['id']}/rotate")["key"],
        "a key of a file": row["api_key"],
        "an endpoint's secret": endpoint["secret"],
        "its renewed secret": post(f"/api/endpoints/{endpoint['id']}/rotate")["secret"],
        "a visit's token": cookie,
        "what the secret could be guessed by": hash_key(SECRET),
    }


def test_no_secret_is_kept_or_shown(site: Site) -> None:
    server = site.start(
        CARRIERS="twilio,telnyx,vonage", LOG_LEVEL="debug", RETRY_FOR_SECONDS="1", ENDPOINTS_ALLOW_PRIVATE="true"
    )
    switch = {"vapi_returns_twilio_secrets": True}
    site.sandbox.control.put("/switches", json=switch).raise_for_status()
    answers = []
    for carrier in ("twilio", "telnyx", "vonage"):
        made = server.post("/api/restaurants", name=carrier, carrier=carrier)
        answers.append(str(ended(server, made["assignment"]["id"])))
    echo = {"message": f"bad credentials {secrets_of(site)['TWILIO_AUTH_TOKEN']}", "code": 1, "status": 400}
    site.sandbox.fault(provider="twilio", operation="incoming_numbers.create", status=400, body=echo)
    site.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=401, body=echo)
    for carrier in ("twilio", "telnyx"):
        made = server.post("/api/restaurants", name="refused", carrier=carrier)
        answers.append(str(ended(server, made["assignment"]["id"])))
    refused = server.client.get("/api/restaurants", headers={"X-Vapi-Secret": "wrong-secret"})
    answers += [refused.text, server.client.get("/metrics").text, str(server.get("/api/debts"))]
    once = told_once(server, made)
    answers += [server.client.get(path).text for path in ("/api/events", "/api/keys", "/api/endpoints")]
    server.stop()
    texts = [("log", site.logs()), *(("answer", a) for a in answers), *cells(site.database_url)]
    assert len(texts) > 100
    hidden = secrets_of(site) | once
    assert (len(hidden), all(hidden.values())) == (14, True)
    shown = [f"{name} in {where}" for where, text in texts for name, secret in hidden.items() if secret in text]
    assert shown == []


@pytest.mark.parametrize("planted", ["VAPI_API_KEY", "TWILIO_AUTH_TOKEN"])
def test_the_search_would_find_a_secret(site: Site, planted: str) -> None:
    server = site.start()
    made = server.client.post("/api/restaurants", json={"name": secrets_of(site)[planted], "assign_phone": False})
    assert made.status_code == 201
    server.stop()
    assert any(secrets_of(site)[planted] in text for _, text in cells(site.database_url))
