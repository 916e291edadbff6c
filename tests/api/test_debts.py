"""GET /api/debts: what was paid for and is not in service yet is seen until it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tests.api.conftest import Api, until
from trunkline.db.addresses import driver_url
from trunkline.db.models import Debt


def test_a_number_bought_and_not_imported_is_owed_until_it_is_in_service(
    api: Api, setting: Callable[..., None]
) -> None:
    setting(retry_for_seconds=0.2)
    code = api.area()
    api.sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="status", status=503)
    made = api.create(area_code=code)
    assert made["assignment"]["status"] == "failed"
    debts = [debt for debt in api.all("/api/debts") if debt["restaurant_id"] == made["id"]]
    assert len(debts) == 1
    debt = debts[0]
    assert debt["kind"] == "bought_not_imported"
    assert debt["owed"] == "import a number that was paid for into Vapi"
    assert debt["subject"].startswith(f"+1{code}")
    assert debt["run_id"] == made["assignment"]["id"]
    assert debt["reason"] == made["assignment"]["message"]
    assert debt["since"] < debt["next_try_at"]
    api.sandbox.control.delete("/faults")
    later = api.post(f"/api/restaurants/{made['id']}/phone", {}).json()
    assert later["phone_number"] == debt["subject"]
    assert api.owes(debt["subject"]) == []


def test_every_kind_of_debt_is_shown_in_words(api: Api) -> None:
    kinds = api.get("/openapi.json")["components"]["schemas"]["DebtKind"]["enum"]
    later = datetime.now(UTC) + timedelta(hours=1)
    rows = [{"id": f"dbt_{kind}", "kind": kind, "subject": kind, "next_try_at": later} for kind in kinds]
    engine = sa.create_engine(driver_url(api.services.settings.database_url, asynchronous=False))
    with engine.begin() as connection:
        connection.execute(sa.insert(Debt), rows)
    try:
        shown = {debt["kind"]: debt["owed"] for debt in api.all("/api/debts")}
    finally:
        with engine.begin() as connection:
            connection.execute(sa.delete(Debt).where(Debt.subject.in_(kinds)))
        engine.dispose()
    assert set(shown) >= set(kinds)
    assert all(" " in owed for owed in shown.values())


def test_debts_are_paged(api: Api, setting: Callable[..., None]) -> None:
    made = [api.create() for _ in range(3)]
    api.sandbox.fault(provider="vapi", operation="phone_numbers.*", kind="status", status=503)
    for restaurant in made:
        api.client.delete(f"/api/restaurants/{restaurant['id']}")
    first = api.get("/api/debts", limit=2)
    rest = api.get("/api/debts", limit=2, cursor=first["next_cursor"])
    rows = first["items"] + rest["items"]
    assert {row["subject"] for row in rows} >= {restaurant["phone_number"] for restaurant in made}
    assert {row["kind"] for row in rows} == {"detach_owed"}
    api.sandbox.control.delete("/faults")
    until(lambda: api.get("/api/debts")["items"] == [])
