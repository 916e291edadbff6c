"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import sqlalchemy as sa

from tests.api.conftest import Api, until
from trunkline import __version__
from trunkline.db.session import driver_url


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


def test_metrics_count_what_was_done(api: Api) -> None:
    api.create()
    text = api.client.get("/metrics").text
    assert 'trunkline_assignments_total{reason="",source=' in text
    assert 'trunkline_provider_requests_total{operation="numbers",outcome="200",provider="vapi"}' in text
    until(lambda: 'trunkline_debts{kind="release_owed"} 0.0' in api.client.get("/metrics").text)
