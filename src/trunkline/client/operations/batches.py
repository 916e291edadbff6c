"""Numbers for many restaurants."""

from __future__ import annotations

from typing import Unpack

from trunkline.client import models
from trunkline.client.operations.common import Spending, Wish, headers_of, part
from trunkline.client.wire import Call, EventReader, Pages


class Selection(Wish, Spending, total=False):
    """Which restaurants of a batch, and how they want their numbers."""

    search: str | None
    include_shared: bool
    limit: int | None
    ignore_wishes: bool


def plan_batch(**selection: Unpack[Selection]) -> Call[models.Plan]:
    """What a batch would do, and what that would cost; nothing is done."""
    return Call("POST", "/api/batches", models.Plan, body={**selection, "dry_run": True})


def start_batch(*, idempotency_key: str | None = None, **selection: Unpack[Selection]) -> Call[models.Batch]:
    return Call("POST", "/api/batches", models.Batch, body=dict(selection), headers=headers_of(idempotency_key))


def batches(*, status: str | None = None) -> Pages[models.Batch]:
    """All, newest first."""
    return Pages("/api/batches", models.Batch, {"status": status})


def batch(batch_id: str) -> Call[models.Batch]:
    return Call("GET", f"/api/batches/{part(batch_id)}", models.Batch)


def batch_items(batch_id: str, *, status: str | None = None) -> Pages[models.BatchItem]:
    return Pages(f"/api/batches/{part(batch_id)}/items", models.BatchItem, {"status": status})


def cancel_batch(batch_id: str, *, reason: str | None = None) -> Call[models.Batch]:
    """Nothing more is bought."""
    return Call("POST", f"/api/batches/{part(batch_id)}/cancel", models.Batch, {"reason": reason})


def resume_batch(batch_id: str, *, idempotency_key: str | None = None) -> Call[models.Batch]:
    """Go on with what was cancelled, or try again those that got no number."""
    path = f"/api/batches/{part(batch_id)}/resume"
    return Call("POST", path, models.Batch, headers=headers_of(idempotency_key))


def watching(batch_id: str) -> EventReader[models.Batch | models.BatchItem]:
    kinds: dict[str, type[models.Batch | models.BatchItem]] = {
        "item": models.BatchItem,
        "progress": models.Batch,
        "end": models.Batch,
    }
    return EventReader(Call("GET", f"/api/batches/{part(batch_id)}/events", models.Batch), kinds.get, "end")
