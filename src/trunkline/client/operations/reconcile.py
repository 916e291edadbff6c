"""Plans that bring carriers, Vapi and our tables into step."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.client import models
from trunkline.client.operations.common import headers_of, part
from trunkline.client.wire import Call, Pages


def make_plan(
    *, buy: bool = False, release: bool = False, force: bool = False, idempotency_key: str | None = None
) -> Call[models.ReconcilePlan]:
    """Compare, and say what would be changed; nothing is changed."""
    body = {"buy": buy, "release": release, "force": force}
    headers = headers_of(idempotency_key)
    return Call("POST", "/api/reconcile/plans", models.ReconcilePlan, body=body, headers=headers)


def plans() -> Pages[models.ReconcilePlan]:
    """All, newest first."""
    return Pages("/api/reconcile/plans", models.ReconcilePlan, {})


def plan(plan_id: str) -> Call[models.ReconcilePlan]:
    return Call("GET", f"/api/reconcile/plans/{part(plan_id)}", models.ReconcilePlan)


def drifts(plan_id: str, *, kind: Sequence[str] = ()) -> Pages[models.PlannedDrift]:
    """The differences that a plan shows, in its order."""
    return Pages(f"/api/reconcile/plans/{part(plan_id)}/drifts", models.PlannedDrift, {"kind": list(kind) or None})
