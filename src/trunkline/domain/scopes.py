"""What a key may do: each scope is a noun and a verb, with its words for people."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from trunkline.errors import InvalidInput


class Scope(StrEnum):
    RESTAURANTS_READ = "restaurants:read"
    RESTAURANTS_WRITE = "restaurants:write"
    NUMBERS_READ = "numbers:read"
    NUMBERS_BUY = "numbers:buy"
    NUMBERS_RELEASE = "numbers:release"
    BATCHES_WRITE = "batches:write"
    CALLS_READ = "calls:read"
    RECONCILE_APPLY = "reconcile:apply"
    EVENTS_READ = "events:read"
    ENDPOINTS_WRITE = "endpoints:write"
    KEYS_WRITE = "keys:write"
    METRICS_READ = "metrics:read"
    WEBHOOK = "webhook"


WORDS = {
    Scope.RESTAURANTS_READ: "read restaurants and their assignments",
    Scope.RESTAURANTS_WRITE: "create, change, move and delete restaurants",
    Scope.NUMBERS_READ: "read numbers, what is for sale, batches, costs and what is owed",
    Scope.NUMBERS_BUY: "get a restaurant its number, and buy numbers",
    Scope.NUMBERS_RELEASE: "give numbers up, and say which are kept",
    Scope.BATCHES_WRITE: "get numbers for many restaurants at once",
    Scope.CALLS_READ: "read calls",
    Scope.RECONCILE_APPLY: "change what differs at carriers and in Vapi, and decide about accounts",
    Scope.EVENTS_READ: "read what happened",
    Scope.ENDPOINTS_WRITE: "say where events are sent",
    Scope.KEYS_WRITE: "create, renew and revoke keys that may do no more",
    Scope.METRICS_READ: "read the metrics and the findings of doctor",
    Scope.WEBHOOK: "send what Vapi sends; of X-Vapi-Secret alone, as no key is looked up while a call waits",
}
EVERYTHING = frozenset(Scope)
OF_KEYS = EVERYTHING - {Scope.WEBHOOK}  # what a key can be given
OF_A_RESTAURANT = frozenset({Scope.RESTAURANTS_READ, Scope.CALLS_READ})  # of the key that is made with it


def parse_scopes(names: Iterable[str], field: str = "scopes", known: frozenset[Scope] = OF_KEYS) -> frozenset[Scope]:
    """InvalidInput for none, for one that there is not, and for one that is not of these: a key's, unless told."""
    given, hint = list(names), f"scopes are: {', '.join(in_order(known))}"
    for name in given:
        if name not in EVERYTHING:
            raise InvalidInput(f"there is no scope {name!r}", field=field, hint=hint)
        if name not in known:
            raise InvalidInput(f"a key does not open the {name}: X-Vapi-Secret alone does", field=field, hint=hint)
    if not given:
        raise InvalidInput("a key without a scope opens nothing", field=field, hint=hint)
    return frozenset(map(Scope, given))


def in_order(scopes: Iterable[Scope]) -> list[Scope]:
    """As they stand above."""
    kept = set(scopes)
    return [scope for scope in Scope if scope in kept]


def scopes_of_secret(names: Iterable[str]) -> frozenset[Scope]:
    """What VAPI_SECRET_SCOPES says: `all`, or the names of scopes. InvalidInput for one that there is not."""
    given = list(names)
    return EVERYTHING if given == ["all"] else parse_scopes(given, field="VAPI_SECRET_SCOPES", known=EVERYTHING)
