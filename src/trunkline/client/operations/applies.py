"""Plans that are carried out."""

from __future__ import annotations

from trunkline.client import models
from trunkline.client.operations.common import headers_of, part
from trunkline.client.wire import Call, Pages


def apply_plan(
    plan_id: str,
    checksum: str,
    *,
    buy: bool = False,
    release: bool = False,
    confirm: str | None = None,
    force: bool = False,
    reason: str | None = None,
    idempotency_key: str | None = None,
) -> Call[models.Apply]:
    """Carry out the plan with this checksum as it was shown. ApiError `plan_changed` where it would be another one."""
    body = {
        "checksum": checksum,
        "buy": buy,
        "release": release,
        "confirm": confirm,
        "force": force,
        "reason": reason,
    }
    path = f"/api/reconcile/plans/{part(plan_id)}/apply"
    return Call("POST", path, models.Apply, body=body, headers=headers_of(idempotency_key))


def apply(apply_id: str) -> Call[models.Apply]:
    """How far it is."""
    return Call("GET", f"/api/reconcile/applies/{part(apply_id)}", models.Apply)


def apply_items(apply_id: str, *, status: str | None = None) -> Pages[models.ApplyItem]:
    """What became of each change."""
    return Pages(f"/api/reconcile/applies/{part(apply_id)}/items", models.ApplyItem, {"status": status})


def cancel_apply(apply_id: str) -> Call[models.Apply]:
    """No further change is begun."""
    return Call("POST", f"/api/reconcile/applies/{part(apply_id)}/cancel", models.Apply)


def resume_apply(apply_id: str, *, idempotency_key: str | None = None) -> Call[models.Apply]:
    """Go on with what was left, and try again what failed."""
    path = f"/api/reconcile/applies/{part(apply_id)}/resume"
    return Call("POST", path, models.Apply, headers=headers_of(idempotency_key))
