"""Once a minute our tables are counted for whoever watches; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Gauge

from trunkline.db import measures
from trunkline.db.models import utcnow
from trunkline.domain.numbers import NumberState
from trunkline.metrics import (
    BATCH_ITEMS,
    BATCHES_PAUSED,
    DELIVERIES_WAITING,
    DELIVERY_AGE,
    ENDPOINTS_DISABLED,
    MONTHLY_COST,
    NUMBERS,
    RUNS_RUNNING,
    UNPRICED,
)
from trunkline.workflows.services import Services


async def measure_books(services: Services) -> None:
    async with services.database.read() as session:
        found = await measures.measure(session)
    _tell(NUMBERS, dict.fromkeys(((state.value,) for state in NumberState), 0))
    _tell(NUMBERS, {(state,): count for state, count in found.numbers.items()})
    MONTHLY_COST.clear()
    _tell(MONTHLY_COST, {of: float(amount) for of, amount in found.monthly.items()})
    UNPRICED.set(found.unpriced)
    _tell(RUNS_RUNNING, {(kind,): count for kind, count in found.running.items()})
    BATCHES_PAUSED.set(found.paused_batches)
    BATCH_ITEMS.clear()
    _tell(BATCH_ITEMS, {(status,): count for status, count in found.batch_items.items()})
    DELIVERIES_WAITING.set(found.waiting)
    DELIVERY_AGE.set((utcnow() - found.waiting_since).total_seconds() if found.waiting_since else 0)
    ENDPOINTS_DISABLED.set(found.disabled_endpoints)


def _tell(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
