"""Every table. What must be unique is a unique index; times are UTC; money is a decimal with its currency."""

from __future__ import annotations

from trunkline.db.models.applies import Apply, ApplyItem
from trunkline.db.models.base import Base, UtcDateTime, utcnow
from trunkline.db.models.budgets import BudgetRow
from trunkline.db.models.endpoints import Attempt, Delivery, Endpoint
from trunkline.db.models.events import Event
from trunkline.db.models.holds import Hold
from trunkline.db.models.keys import Key
from trunkline.db.models.numbers import Debt, Mapping, Number, NumberChange, PurchaseIntent
from trunkline.db.models.plans import PlannedDrift, ReconcilePlan
from trunkline.db.models.runs import Assignment, Batch, BatchItem, Move, Release, Repoint, RunRow, Step, StockPurchase
from trunkline.db.models.tenants import (
    Call,
    Caller,
    IdempotencyKey,
    Installation,
    PacePlaces,
    PaceRow,
    Process,
    ProviderAccount,
    Restaurant,
)
from trunkline.db.models.visits import Visit

__all__ = [
    "Apply",
    "ApplyItem",
    "Assignment",
    "Attempt",
    "Base",
    "Batch",
    "BatchItem",
    "BudgetRow",
    "Call",
    "Caller",
    "Debt",
    "Delivery",
    "Endpoint",
    "Event",
    "Hold",
    "IdempotencyKey",
    "Installation",
    "Key",
    "Mapping",
    "Move",
    "Number",
    "NumberChange",
    "PacePlaces",
    "PaceRow",
    "PlannedDrift",
    "Process",
    "ProviderAccount",
    "PurchaseIntent",
    "ReconcilePlan",
    "Release",
    "Repoint",
    "Restaurant",
    "RunRow",
    "Step",
    "StockPurchase",
    "UtcDateTime",
    "Visit",
    "utcnow",
]
