"""Telnyx's records and refusals as we read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from trunkline.carriers.base import amount, as_e164, due_at_once
from trunkline.domain.choosing import Offer, OwnedNumber
from trunkline.domain.numbers import E164, NumberType, country_of
from trunkline.errors import ActionRequired, Missing, OfferGone, ProviderError, Rejected, RetryLater, TrialLimit
from trunkline.logs import REDACTOR
from trunkline.providers.http import Reply

ENDED = {"failure", "failed", "cancelled", "canceled", "deleted"}
# Telnyx lists numbers that it has not delivered yet, and some that have left the account.
NOT_HELD = {"purchase-pending", "purchase-failed", "port-pending", "port-failed", "deleted", "ported-out"}

KEYS = "check TELNYX_API_KEY: it must be a live key with permission for numbers"
ACCOUNT = "put the account in order in the Telnyx portal"
CREDIT = "add credit to the Telnyx account"
LEVEL = "raise the account's level in the Telnyx portal (Account, Verifications): its search hides what it may not buy"
OF_THE_ACCOUNT = {KEYS, ACCOUNT, CREDIT}
LOCKED = "lift the deletion lock of the number in the Telnyx portal"


class NotSearched(OfferGone):
    """85000: an order is taken only for a number that this account was recently shown by a search."""


class AlreadyHeld(OfferGone):
    """409: some account, perhaps ours, owns the number (observed by Telnyx's own CLI)."""


# By Telnyx's code, and by the HTTP status where no code is known.
REFUSALS: dict[str, tuple[type[ProviderError], str | None]] = {
    **dict.fromkeys(("10006", "10009", "10010", "20001", "20002", "20003", "20008"), (ActionRequired, KEYS)),
    **dict.fromkeys(("20012", "20013", "20014", "20016", "20017"), (ActionRequired, ACCOUNT)),
    **dict.fromkeys(("20015", "20100", "402"), (ActionRequired, CREDIT)),
    **dict.fromkeys(("401", "403"), (ActionRequired, KEYS)),
    **dict.fromkeys(("10005", "404"), (Missing, None)),
    **dict.fromkeys(("10038", "10039"), (TrialLimit, None)),
    **dict.fromkeys(("85001", "85006", "85007"), (OfferGone, None)),
    "10021": (ActionRequired, LOCKED),
    "10036": (RetryLater, None),
    "85000": (NotSearched, None),
    "409": (AlreadyHeld, None),
}


def is_own(reply: Reply) -> bool:
    """Telnyx lists errors in every refusal, but for that of an account without credit, whose form is not known."""
    body = reply.body
    return isinstance(body, dict) and (isinstance(body.get("errors"), list) or reply.status == 402)


def refusal(reply: Reply) -> ProviderError | None:
    """Telnyx's errors by the first code that we know, else by the status; the general rule for what is not its own."""
    listed = reply.body.get("errors") if isinstance(reply.body, dict) else None
    errors = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    if not errors:  # not Telnyx's own words, so nothing is missing and nothing is held
        credit = ActionRequired("Telnyx wants payment (402)", hint=CREDIT, account_wide=True)
        return credit if reply.status == 402 else None
    known = next((e for e in errors if str(e.get("code")) in REFUSALS), None)
    said = known or errors[0]
    code = str(said["code"]) if "code" in said else None
    kind, hint = REFUSALS.get(str(code) if known else str(reply.status), (Rejected, None))
    words = REDACTOR.text(": ".join(str(said[key]) for key in ("title", "detail") if said.get(key)))[:300]
    detail = f"Telnyx: {words or f'refused ({reply.status})'}"
    return kind(detail, vendor_code=code, hint=hint, account_wide=hint in OF_THE_ACCOUNT)


def rows_of(reply: Reply, *needed: str) -> list[dict[str, Any]]:
    rows = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and all(map(row.get, needed)) for row in rows):
        raise RetryLater("Telnyx's answer cannot be read", provider="telnyx")
    return rows


def number_of(reply: Reply) -> dict[str, Any]:
    number = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(number, dict) or not number.get("id") or not number.get("phone_number"):
        raise RetryLater("Telnyx's answer cannot be read", provider="telnyx")
    return number


def order_of(reply: Reply) -> dict[str, Any]:
    order = reply.body.get("data") if isinstance(reply.body, dict) else None
    if not isinstance(order, dict) or not order.get("id") or not order.get("phone_numbers"):
        raise RetryLater("Telnyx's answer cannot be read", provider="telnyx")
    return order


def normal(status: Any) -> str:
    """Older pages of Telnyx write underscores where the present API writes dashes."""
    return str(status or "").lower().replace("_", "-")


def status_of(order: dict[str, Any]) -> str:
    """The order's status; that of its line where the line has ended and the order does not say so yet."""
    lines = order.get("phone_numbers") or [{}]
    ends = [s for key in ("status", "requirements_status") if (s := normal(lines[0].get(key))) in ENDED]
    return ends[0] if ends else normal(order.get("status"))


def lacks_papers(order: dict[str, Any]) -> bool:
    """It waits for papers that nobody has handed in."""
    return waits_for_papers(order) and requirements_of(order) in ("", "pending", "requirement-info-pending")


def waits_for_papers(order: dict[str, Any]) -> bool:
    """It waits for papers, or for Telnyx to look at them, which takes days."""
    return status_of(order) == "pending" and order.get("requirements_met") is False


def requirements_of(order: dict[str, Any]) -> str:
    return normal((order.get("phone_numbers") or [{}])[0].get("requirements_status"))


def country_in(order: dict[str, Any]) -> str:
    """The country of an order's number."""
    line = order["phone_numbers"][0]
    return str(line.get("country_iso_alpha2") or country_of(line.get("phone_number", "")) or "")


def age(order: dict[str, Any]) -> float:
    """Seconds since the order last changed."""
    text = order.get("updated_at") or order.get("created_at")
    try:
        changed = datetime.fromisoformat(str(text))
    except ValueError:
        return float("inf")
    return (datetime.now(UTC) - changed.replace(tzinfo=changed.tzinfo or UTC)).total_seconds()


def is_masked(row: dict[str, Any]) -> bool:
    """An offer whose last digits are not shown: +1779-------, +4474001xxxxx."""
    return re.fullmatch(r"\+\d+[-xX*#]+", str(row.get("phone_number"))) is not None


def takes_calls(row: dict[str, Any]) -> bool:
    """By its list of features, where there is one."""
    features = row.get("features")
    return features is None or "voice" in {feature.get("name") for feature in features}


def read_offer(row: dict[str, Any], country: str, kind: NumberType) -> Offer | None:
    """None for what is not on offer as asked: masked numbers, numbers of elsewhere that Telnyx mixes in (best_effort),
    and numbers without voice."""
    number = as_e164(row.get("phone_number"))
    if number is None or is_masked(row) or row.get("best_effort") or not takes_calls(row):
        return None
    cost = row.get("cost_information") or {}
    price, at_once = amount(cost.get("monthly_cost")), due_at_once(cost.get("upfront_cost"))
    currency = cost.get("currency") if price is not None or at_once is not None else None
    return Offer(number, country, kind, price, currency, upfront_price=at_once)


def read_owned(row: dict[str, Any], account: str) -> OwnedNumber:
    """A number that is not active, on its way in or out, takes no calls now."""
    connection, name = row.get("connection_id") or "", row.get("connection_name") or ""
    status = normal(row.get("status"))
    return OwnedNumber(
        number=as_e164(row["phone_number"]) or E164(str(row["phone_number"])),
        ref=str(row["id"]),
        mark_text=row.get("customer_reference") or "",
        used_by=f"connection {name or connection}" if connection else None,
        urls={"connection_id": connection},
        warnings=() if status == "active" else (f"Telnyx says that the number is {status}",),
        voice=status == "active",
        account=account,
        country=row.get("country_iso_alpha2"),
        number_type=next((kind for kind in NumberType if kind == row.get("phone_number_type")), None),
        by_vapi=bool(connection) and "vapi" in name.lower(),
        application=connection or None,
    )
