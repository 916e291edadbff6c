"""What happens: every type of event with its words, its sentence and an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LONGEST_REASON = 500


class EventType(StrEnum):
    """`noun.what_happened`. A number's name its state from then on."""

    RESTAURANT_CREATED = "restaurant.created"
    RESTAURANT_CHANGED = "restaurant.changed"
    RESTAURANT_DELETED = "restaurant.deleted"
    RESTAURANT_ERASED = "restaurant.erased"
    RESTAURANT_KEY_ROTATED = "restaurant.key_rotated"
    RESTAURANT_CALLERS_CHANGED = "restaurant.callers_changed"
    NUMBER_PURCHASING = "number.purchasing"
    NUMBER_IDLE = "number.idle"
    NUMBER_IN_SERVICE = "number.in_service"
    NUMBER_COOLING_DOWN = "number.cooling_down"
    NUMBER_RELEASING = "number.releasing"
    NUMBER_RELEASED = "number.released"
    NUMBER_FOREIGN = "number.foreign"
    NUMBER_FORGOTTEN = "number.forgotten"
    NUMBER_ASSIGNED = "number.assigned"
    NUMBER_UNASSIGNED = "number.unassigned"
    NUMBER_ACTIVATED = "number.activated"
    NUMBER_DESCRIBED = "number.described"
    NUMBER_PUT_ASIDE = "number.put_aside"
    NUMBER_PRICE_CHANGED = "number.price_changed"
    PURCHASE_INTENDED = "purchase.intended"
    PURCHASE_BOUGHT = "purchase.bought"
    PURCHASE_FAILED = "purchase.failed"
    ASSIGNMENT_STARTED = "assignment.started"
    ASSIGNMENT_ENDED = "assignment.ended"
    RELEASE_STARTED = "release.started"
    RELEASE_ENDED = "release.ended"
    MOVE_STARTED = "move.started"
    MOVE_ENDED = "move.ended"
    BATCH_STARTED = "batch.started"
    BATCH_PAUSED = "batch.paused"
    BATCH_ENDED = "batch.ended"
    REPOINT_STARTED = "repoint.started"
    REPOINT_ENDED = "repoint.ended"
    APPLY_STARTED = "apply.started"
    APPLY_ENDED = "apply.ended"
    STOCK_PURCHASE_STARTED = "stock_purchase.started"
    STOCK_PURCHASE_ENDED = "stock_purchase.ended"
    DEBT_OPENED = "debt.opened"
    DEBT_SETTLED = "debt.settled"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_BLOCKED = "account.blocked"
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    ENDPOINT_CREATED = "endpoint.created"
    ENDPOINT_CHANGED = "endpoint.changed"
    ENDPOINT_ROTATED = "endpoint.rotated"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_ENABLED = "endpoint.enabled"
    ENDPOINT_DELETED = "endpoint.deleted"
    CALLER_ERASED = "caller.erased"
    BUDGET_CHANGED = "budget.changed"
    BUDGET_REMOVED = "budget.removed"
    BUDGET_WARNED = "budget.warned"
    BUDGET_EXCEEDED = "budget.exceeded"


@dataclass(frozen=True)
class Subjects:
    """Whom and what an event is about: a restaurant, a number, a durable run, and anything else of ours with an id (a
    debt, a purchase, a key, a plan)."""

    restaurant_id: str | None = None
    number: str | None = None
    run_id: str | None = None
    other_id: str | None = None


@dataclass(frozen=True)
class Told:
    """`words` say when it happens; `sentence` tells one event by its subjects, `before` and `after`."""

    words: str
    sentence: str
    example: Subjects
    after: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)


RESTAURANT, NUMBER = "rst_0dm2p8v1xk4t9r3q", "+14155550123"
ONE = Subjects(RESTAURANT)
RUN = "asg_0dm2p8v1xq7n5c2j"
PRICE = {"monthly_price": "1.15", "currency": "USD"}
HELD = Subjects(number=NUMBER)
SERVED = Subjects(RESTAURANT, NUMBER)
BOUGHT = Subjects(RESTAURANT, NUMBER, RUN, "int_0dm2p8v1xs2k6d9w")
RELEASE = Subjects(number=NUMBER, run_id="rel_0dm5a7t2hb9q4x8k")
MOVE = Subjects(RESTAURANT, NUMBER, "mov_0dm41w9gk3v6y8tz")
BATCH = Subjects(run_id="bat_0dm31k5rz8w2m7vd")
REPOINT = Subjects(run_id="rpt_0dm6c4n9xe3t5j1s")
APPLY = Subjects(run_id="apl_0dm43d1kzt6v9x2p")
STOCK = Subjects(number=NUMBER, run_id="buy_0dm7g2p6vq8r4b3n")
OWED = Subjects(RESTAURANT, NUMBER, other_id="dbt_0dm8j5w3kc7y1f6h")
KEY = Subjects(other_id="key_0dm9q1r7xv5b8c2z")
FOR_ALL = Subjects(other_id="all")
ENDPOINT = Subjects(other_id="ep_0dm9s3t6yw1d4k8m")
KIND = {"kind": "detach_owed", "provider": "vapi"}
Type = EventType
TOLD: dict[EventType, Told] = {
    Type.RESTAURANT_CREATED: Told("a restaurant is there", "{name} was created", ONE, {"name": "Chez Panisse"}),
    Type.RESTAURANT_CHANGED: Told(
        "its name, external_id or metadata is another one",
        "{fields} changed",
        ONE,
        {"name": "Chez Panisse"},
        {"name": "Chez Panise"},
    ),
    Type.RESTAURANT_DELETED: Told("it was ended; its number cools down", "the restaurant was deleted", ONE),
    Type.RESTAURANT_ERASED: Told("what was known of it was erased", "the restaurant was erased from the books", ONE),
    Type.RESTAURANT_KEY_ROTATED: Told(
        "its key of the former kind gave way to one like others",
        "the former key of the restaurant gave way to another",
        ONE,
    ),
    Type.RESTAURANT_CALLERS_CHANGED: Told(
        "other callers are registered", "{callers} callers are registered", ONE, {"callers": 2}, {"callers": 1}
    ),
    Type.NUMBER_PURCHASING: Told(
        "it was chosen to be bought", "{number} is about to be bought", HELD, {"state": "purchasing"}
    ),
    Type.NUMBER_IDLE: Told(
        "it is ours and serves nobody", "{number} is idle", HELD, {"state": "idle"}, {"state": "cooling_down"}
    ),
    Type.NUMBER_IN_SERVICE: Told(
        "calls to it are answered", "{number} is in service", HELD, {"state": "in_service"}, {"state": "idle"}
    ),
    Type.NUMBER_COOLING_DOWN: Told(
        "it serves nobody, and is kept from others for a while",
        "{number} cools down",
        HELD,
        {"state": "cooling_down"},
        {"state": "in_service"},
    ),
    Type.NUMBER_RELEASING: Told(
        "it is being given up", "{number} is being released", HELD, {"state": "releasing"}, {"state": "idle"}
    ),
    Type.NUMBER_RELEASED: Told(
        "it is not ours any more", "{number} is released", HELD, {"state": "released"}, {"state": "releasing"}
    ),
    Type.NUMBER_FOREIGN: Told(
        "it turned out to serve somebody else, and is left alone",
        "{number} serves somebody else",
        HELD,
        {"state": "foreign"},
        {"state": "idle"},
    ),
    Type.NUMBER_FORGOTTEN: Told(
        "a purchase of it came to nothing, and it was never ours",
        "{number} was not bought and is forgotten",
        HELD,
        {},
        {"state": "purchasing"},
    ),
    Type.NUMBER_ASSIGNED: Told(
        "a restaurant has it from now on",
        "{number} was given to {restaurant_id} ({source})",
        Subjects(RESTAURANT, NUMBER, RUN),
        {"source": "purchased", "active": True},
    ),
    Type.NUMBER_UNASSIGNED: Told(
        "a restaurant has it no more",
        "{number} was taken off {restaurant_id}: {end_reason}",
        SERVED,
        {"end_reason": "moved"},
        {"source": "purchased"},
    ),
    Type.NUMBER_ACTIVATED: Told(
        "of those that share it, another one gets its calls",
        "calls to {number} go to {restaurant_id}",
        SERVED,
        {"active": True},
        {"active": False},
    ),
    Type.NUMBER_DESCRIBED: Told(
        "its labels, its protection or the day of its release is another one",
        "{fields} of {number} changed",
        HELD,
        {"protected": True},
        {"protected": False},
    ),
    Type.NUMBER_PUT_ASIDE: Told(
        "something refused it, and it is left out for a while",
        "{number} is left out for a while: {put_aside_reason}",
        HELD,
        {"put_aside_reason": "twilio does not hold it any more"},
    ),
    Type.NUMBER_PRICE_CHANGED: Told(
        "it costs more, or less, than was known",
        "{number} costs {monthly_price} {currency} a month, and cost {before_monthly_price}",
        HELD,
        PRICE,
        {"monthly_price": "1.00"},
    ),
    Type.PURCHASE_INTENDED: Told(
        "the request that buys it is about to be sent",
        "{number} is to be bought from {carrier} for {monthly_price} {currency} a month",
        BOUGHT,
        {"carrier": "twilio", **PRICE},
    ),
    Type.PURCHASE_BOUGHT: Told(
        "the carrier has sold it", "{number} was bought from {carrier}", BOUGHT, {"carrier": "twilio", **PRICE}
    ),
    Type.PURCHASE_FAILED: Told(
        "it was not sold, or refused",
        "{number} was not bought from {carrier}: {reason}",
        BOUGHT,
        {"carrier": "twilio", "status": "gone", "reason": "somebody else has it", **PRICE},
    ),
    Type.ASSIGNMENT_STARTED: Told(
        "a number is looked for", "an assignment began", Subjects(RESTAURANT, run_id=RUN), {"batch_id": None}
    ),
    Type.ASSIGNMENT_ENDED: Told(
        "the restaurant has its number, or there is a reason why not",
        "the assignment ended: {status} {number} {reason}",
        Subjects(RESTAURANT, NUMBER, RUN),
        {"status": "assigned", "source": "purchased", "reason": None, "message": "bought"},
        {"status": "running"},
    ),
    Type.RELEASE_STARTED: Told(
        "a number is about to be given up, or is tried again", "a release began", RELEASE, {"give_back": True}
    ),
    Type.RELEASE_ENDED: Told(
        "it is done, or owed and tried again",
        "the release is {status}: {message}",
        RELEASE,
        {"status": "done", "message": f"{NUMBER} given back to the carrier"},
        {"status": "running"},
    ),
    Type.MOVE_STARTED: Told(
        "a number is about to go to another restaurant",
        "a move of {number} to {restaurant_id} began",
        MOVE,
        {"from_restaurant_id": "rst_0dm2n4c7bz6w1f8h", "why": "the house was sold"},
    ),
    Type.MOVE_ENDED: Told(
        "it has gone there, or nothing has changed",
        "the move is {status}: {message}",
        MOVE,
        {"status": "done", "message": f"{NUMBER} serves Chez Panisse"},
        {"status": "running"},
    ),
    Type.BATCH_STARTED: Told("it begins, or goes on", "the batch runs", BATCH, {"status": "running"}),
    Type.BATCH_PAUSED: Told(
        "a whole account refuses, and a person has to act",
        "the batch is paused: {message}",
        BATCH,
        {"status": "paused", "message": "twilio: insufficient funds"},
        {"status": "running"},
    ),
    Type.BATCH_ENDED: Told(
        "all its restaurants were worked on, or it was cancelled",
        "the batch is {status}",
        BATCH,
        {"status": "done"},
        {"status": "running"},
    ),
    Type.REPOINT_STARTED: Told("numbers are about to be pointed right", "a repointing began", REPOINT),
    Type.REPOINT_ENDED: Told(
        "they are, or it had to stop", "the repointing is {status}", REPOINT, {"status": "done"}, {"status": "running"}
    ),
    Type.APPLY_STARTED: Told(
        "a plan of what would be mended is about to be carried out",
        "plan {plan_id} is applied",
        APPLY,
        {"plan_id": "pln_0dm43c8fhw2q7r5n", "why": "the account was moved"},
    ),
    Type.APPLY_ENDED: Told(
        "it is, or it was cancelled or had to stop",
        "the plan's application is {status}",
        APPLY,
        {"status": "done"},
        {"status": "running"},
    ),
    Type.STOCK_PURCHASE_STARTED: Told(
        "a number is about to be bought for nobody yet", "a purchase for stock began", STOCK, {"carrier": "twilio"}
    ),
    Type.STOCK_PURCHASE_ENDED: Told(
        "it is ours, or there is a reason why not",
        "the purchase for stock is {status}: {message}",
        STOCK,
        {"status": "done", "message": f"{NUMBER} is ours"},
        {"status": "running"},
    ),
    Type.DEBT_OPENED: Told("something is owed to the outside world", "owed: {kind}", OWED, KIND),
    Type.DEBT_SETTLED: Told("it is owed no more", "settled: {kind}", OWED, KIND),
    Type.ACCOUNT_CHANGED: Told(
        "another account of a provider is worked with",
        "the account at {provider} is {account}",
        Subjects(),
        {"provider": "twilio", "account": "AC2"},
        {"account": "AC1"},
    ),
    Type.ACCOUNT_BLOCKED: Told(
        "a whole account refuses to sell for a while",
        "{provider} sells nothing for a while: {blocked_reason}",
        Subjects(),
        {"provider": "twilio", "blocked_reason": "insufficient funds"},
    ),
    Type.KEY_CREATED: Told(
        "somebody may do what its scopes say",
        "the key {other_id} was made",
        KEY,
        {"comment": "till 7", "scopes": ["restaurants:read"]},
    ),
    Type.KEY_ROTATED: Told("its secret is another one", "the key {other_id} was renewed", KEY),
    Type.KEY_REVOKED: Told("it opens nothing any more", "the key {other_id} was revoked", KEY),
    Type.ENDPOINT_CREATED: Told(
        "events are sent somewhere from now on",
        "the endpoint {other_id} was made",
        ENDPOINT,
        {"types": ["debt.opened"], "format": "json"},
    ),
    Type.ENDPOINT_CHANGED: Told("its address or its types are others", "the endpoint {other_id} was changed", ENDPOINT),
    Type.ENDPOINT_ROTATED: Told("its secret is another one", "the endpoint {other_id} got another secret", ENDPOINT),
    Type.ENDPOINT_DISABLED: Told(
        "nothing is sent there until a person acts",
        "the endpoint {other_id} is disabled: {disabled_reason}",
        ENDPOINT,
        {"status": "disabled", "disabled_reason": "it answered 410: it is not there any more"},
        {"status": "enabled"},
    ),
    Type.ENDPOINT_ENABLED: Told(
        "it gets what has happened meanwhile",
        "the endpoint {other_id} is enabled",
        ENDPOINT,
        {"status": "enabled"},
        {"status": "disabled"},
    ),
    Type.ENDPOINT_DELETED: Told("nothing is sent there any more", "the endpoint {other_id} was deleted", ENDPOINT),
    Type.CALLER_ERASED: Told(
        "what was known of a caller was erased", "a caller was erased from {calls} calls", Subjects(), {"calls": 3}
    ),
    Type.BUDGET_CHANGED: Told(
        "its limits are others", "{fields} of the budget changed", FOR_ALL, {"max_numbers": 200}, {"max_numbers": 100}
    ),
    Type.BUDGET_REMOVED: Told("it limits nothing any more", "the budget was removed", FOR_ALL),
    Type.BUDGET_WARNED: Told(
        "80 % of a limit are taken, once a month",
        "{percent} % of the budget's {limit} are taken",
        FOR_ALL,
        {"limit": "max_numbers", "percent": 80},
    ),
    Type.BUDGET_EXCEEDED: Told(
        "a limit is taken, or what is left of it was too little for a purchase, once a month",
        "the budget's {limit} allows no more",
        FOR_ALL,
        {"limit": "max_numbers", "percent": 100},
    ),
}
# What a restaurant's key may read of its own: nothing that names another one, or an account of the operator's.
FOR_RESTAURANTS = frozenset(
    kind
    for kind in EventType
    if kind.split(".")[0] in ("restaurant", "assignment")
    or kind in (EventType.NUMBER_ASSIGNED, EventType.NUMBER_UNASSIGNED, EventType.NUMBER_ACTIVATED)
)
