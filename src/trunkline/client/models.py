"""What the API answers, as objects; the names and fields are those of its OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline.client.answer import Answer as Answer
from trunkline.client.apply_models import *  # noqa: F403
from trunkline.client.batch_models import *  # noqa: F403 - so that all models are found in one place
from trunkline.client.budget_models import *  # noqa: F403
from trunkline.client.budget_models import Limits
from trunkline.client.call_models import *  # noqa: F403
from trunkline.client.endpoint_models import *  # noqa: F403
from trunkline.client.event_models import *  # noqa: F403
from trunkline.client.key_models import *  # noqa: F403
from trunkline.client.reconcile_models import *  # noqa: F403


class Step(Answer, frozen=True):
    name: str
    carrier: str | None
    status: str
    attempt: int
    started_at: datetime
    duration_ms: int | None
    detail: str | None


class AssignmentSummary(Answer, frozen=True):
    id: str
    restaurant_id: str
    status: str
    source: str | None
    phone_number: str | None
    reason: str | None
    message: str | None
    hint: str | None
    force_twilio: bool
    criteria: dict[str, Any]
    batch_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Assignment(AssignmentSummary, frozen=True):
    steps: list[Step]


class Sharer(Answer, frozen=True):
    id: str
    name: str


class RestaurantSummary(Answer, frozen=True):
    id: str
    name: str
    phone_number: str | None
    phone_number_national: str | None
    phone_number_international: str | None
    shared: bool
    shared_with: list[Sharer]
    active: bool
    assignment: AssignmentSummary | None
    external_id: str | None
    metadata: dict[str, str]
    criteria: dict[str, Any]
    created_at: datetime
    deleted_at: datetime | None


class Restaurant(RestaurantSummary, frozen=True):
    assignment: Assignment | None
    budget: Limits | None


class CreatedRestaurant(Restaurant, frozen=True):
    api_key: str | None
    api_key_hint: str | None


class RotatedKey(Answer, frozen=True):
    id: str
    api_key: str


class DeletedRestaurant(Answer, frozen=True):
    id: str
    freed_number: str | None


class ServedRestaurant(Sharer, frozen=True):
    active: bool


class Number(Answer, frozen=True):
    number: str
    national: str
    international: str
    state: str
    carrier: str | None
    country: str | None
    number_type: str | None
    monthly_price: Decimal | None
    upfront_price: Decimal | None
    currency: str | None
    account: str | None
    carrier_ref: str | None
    voice_id: str | None
    protected: bool
    labels: list[str]
    release_after: datetime | None
    idle_since: datetime | None
    last_call_at: datetime | None
    restaurants: list[ServedRestaurant]
    cooling_until: datetime | None
    former_restaurant_id: str | None
    put_aside_until: datetime | None
    put_aside_reason: str | None
    claimed_by: str | None
    bought_at: datetime | None
    released_at: datetime | None
    created_at: datetime
    updated_at: datetime


class NumberCounts(Answer, frozen=True):
    total: int
    by_state: dict[str, int]


class Mapping(Answer, frozen=True):
    restaurant_id: str
    restaurant_name: str
    source: str
    active: bool
    since: datetime
    ended_at: datetime | None
    end_reason: str | None


class Release(Answer, frozen=True):
    id: str
    number: str
    give_back: bool
    status: str
    message: str | None
    steps: list[Step]
    created_at: datetime
    ended_at: datetime | None


class Move(Answer, frozen=True):
    id: str
    number: str
    from_restaurant_id: str | None
    to_restaurant_id: str
    own_number: str
    new_number_for_old: bool
    reason: str | None
    status: str
    message: str | None
    code: str | None
    hint: str | None
    assignment_id: str | None
    steps: list[Step]
    created_at: datetime
    ended_at: datetime | None


class NumberDetail(Number, frozen=True):
    mappings: list[Mapping]
    releases: list[Release]


class Offer(Answer, frozen=True):
    carrier: str
    number: str | None
    national: str | None
    country: str
    number_type: str
    monthly_price: Decimal | None
    upfront_price: Decimal | None
    currency: str | None
    needs: list[str]


class Hold(Answer, frozen=True):
    offer: Offer
    held_until: datetime
    carrier_until: datetime


class Refusal(Answer, frozen=True):
    carrier: str
    code: str
    detail: str
    hint: str | None


class UnusedNumber(Answer, frozen=True):
    number: str
    carrier: str
    country: str | None
    number_type: str | None
    monthly_price: Decimal | None
    currency: str | None


class UnusedNumbers(Answer, frozen=True):
    items: list[UnusedNumber]
    refusals: list[Refusal]


class Offers(Answer, frozen=True):
    items: list[Offer]
    refusals: list[Refusal]


class Debt(Answer, frozen=True):
    id: str
    kind: str
    owed: str
    subject: str
    restaurant_id: str | None
    run_id: str | None
    since: datetime
    tries: int
    reason: str | None
    next_try_at: datetime


class Finding(Answer, frozen=True):
    subject: str
    level: str
    text: str
    mend: str | None


class Findings(Answer, frozen=True):
    items: list[Finding]


class CostLine(Answer, frozen=True):
    carrier: str | None
    state: str
    currency: str | None
    numbers: int
    monthly: Decimal


class CostTotal(Answer, frozen=True):
    currency: str
    numbers: int
    monthly: Decimal
    idle_monthly: Decimal
    new_numbers: int
    new_monthly: Decimal
    upfront: Decimal


class Costs(Answer, frozen=True):
    at: datetime
    totals: list[CostTotal]
    lines: list[CostLine]
    unpriced: int


class RestaurantCostLine(Answer, frozen=True):
    id: str
    name: str
    phone_number: str
    carrier: str | None
    monthly_price: Decimal | None
    currency: str | None
    shared_by: int


class Drift(Answer, frozen=True):
    routing: str
    in_service: int
    right: int
    wrong: int
    missing: int
    left_alone: int
    left_alone_numbers: list[str]


class Repoint(Answer, frozen=True):
    id: str
    status: str
    total: int
    moved: int
    left_alone: int
    failed: int
    message: str | None
    created_at: datetime
    ended_at: datetime | None


class Health(Answer, frozen=True):
    status: str
    version: str


class ProviderAccount(Answer, frozen=True):
    provider: str
    now: str
    accepted: str | None
    changed: bool


class ProviderAccounts(Answer, frozen=True):
    items: list[ProviderAccount]


class Installation(Answer, frozen=True):
    name: str
