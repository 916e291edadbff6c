"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.api.conftest import Api, until
from tests.support.postgres import PostgresServer
from trunkline import __version__
from trunkline.db.addresses import driver_url


def test_a_living_process_says_its_version(api: Api) -> None:
    answer = api.anonymous.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})


def test_the_server_is_ready_while_the_schema_is_its_own(api: Api) -> None:
    assert api.anonymous.get("/readyz").json() == {"status": "ready"}
    engine = sa.create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.begin() as connection:
        own = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'another'"))
    try:
        answer = api.anonymous.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "trunkline db upgrade" in answer.json()["hint"]
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :own"), {"own": own})
        engine.dispose()
    assert api.anonymous.get("/readyz").status_code == 200


def test_while_the_database_takes_no_writes_nothing_is_an_error_of_ours_and_it_heals_by_itself(
    api: Api, request: pytest.FixtureRequest
) -> None:
    url = api.services.settings.database_url
    if url.startswith("sqlite"):
        pytest.skip("PostgreSQL fails over")
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.read_only(url):
        for name in ("one", "two"):
            refused = api.post("/api/restaurants", {"name": name, "assign_phone": False})
            assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
            ready = api.anonymous.get("/readyz")
            assert (ready.status_code, ready.json()["detail"]) == (503, "the database takes no writes now")
        assert api.client.get("/api/restaurants").status_code == 200

    def heals() -> bool:
        bodies = [{"name": f"No. {n}", "assign_phone": False} for n in range(12)]
        made = {api.post("/api/restaurants", body).status_code for body in bodies}
        return made == {201} and {api.anonymous.get("/readyz").status_code for _ in bodies} == {200}

    until(heals)


def test_metrics_count_what_was_done(api: Api) -> None:
    api.create()
    text = api.client.get("/metrics").text
    assert 'trunkline_assignments_total{reason="",source=' in text
    assert 'trunkline_http_request_seconds_count{method="POST",route="/api/restaurants",status="201"}' in text
    api.anonymous.get("/no/such/path")
    api.anonymous.request("TRACE", "/api/numbers/+14155550100")
    text = api.client.get("/metrics").text
    assert 'trunkline_http_request_seconds_count{method="GET",route="none",status="404"}' in text
    assert 'trunkline_http_request_seconds_count{method="other",route="none",status="401"}' in text
    assert 'trunkline_provider_request_seconds_count{operation="numbers",provider="vapi"}' in text
    assert "_created" not in text
    assert 'trunkline_provider_requests_total{operation="numbers",outcome="200",provider="vapi"}' in text
    until(lambda: 'trunkline_debts{kind="release_owed"} 0.0' in api.client.get("/metrics").text)
