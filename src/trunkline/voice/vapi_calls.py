"""What Vapi says of a call, in a message or in GET /call, read field by field: a strange one costs only itself."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trunkline.domain.calls import CallReport
from trunkline.logs import REDACTOR
from trunkline.texts import one_line

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MOST = Decimal(10) ** 7
PLAIN_ID = re.compile(r"[A-Za-z0-9._:-]{1,40}")
MILLISECONDS = 100_000_000_000  # a larger number of seconds would be after the year 5000
Json = dict[str, Any]


def report_of_message(message: Json, unnamed: str) -> CallReport | None:
    """A status-update or an end-of-call-report. Where it does not say which call it is about, a report of the end is
    kept as `unnamed`, and a status is None."""
    call = part(message, "call")
    report = message.get("type") == "end-of-call-report"
    status = "ended" if report else text(message.get("status"), 40)
    said_at = moment(message.get("timestamp"))
    call_id = identifier(call.get("id")) or (unnamed if report else None)
    if call_id is None:
        return None
    return _report(
        call_id,
        call,
        message,
        final=report,
        status=status,
        started=said_at if status == "in-progress" else None,
        ended=said_at if status == "ended" and not report else None,
    )


def report_of_call(call: Json) -> CallReport | None:
    """The record that GET /call/{id} answers; final once the call has ended."""
    call_id, status = identifier(call.get("id")), text(call.get("status"), 40)
    if call_id is None:
        return None
    return _report(call_id, call, call, final=status == "ended", status=status, started=None, ended=None)


def number_ids(message: Json) -> tuple[str | None, str | None]:
    """Vapi's ids of the called number, the most reliable first: that of the call, that of the number's own row."""
    return text(part(message, "call").get("phoneNumberId"), 64), text(part(message, "phoneNumber").get("id"), 64)


def our_number(message: Json) -> str | None:
    """The number at Vapi: the called one of an inbound call. `call.phoneNumber` stands in for a transient number."""
    row, transient = part(message, "phoneNumber"), part(part(message, "call"), "phoneNumber")
    said = row.get("number"), row.get("sipUri"), transient.get("number"), transient.get("twilioPhoneNumber")
    return next((found for value in said if (found := text(value, 80))), None)


def customer(message: Json) -> str | None:
    """Who is at the other end; not E.164 where the caller is anonymous or uses SIP."""
    direct, nested = part(message, "customer"), part(part(message, "call"), "customer")
    said = direct.get("number"), nested.get("number"), direct.get("sipUri"), nested.get("sipUri")
    return next((found for value in said if (found := text(value, 80))), None)


def _report(
    call_id: str,
    call: Json,
    message: Json,
    *,
    final: bool,
    status: str | None,
    started: datetime | None,
    ended: datetime | None,
) -> CallReport:
    both = {"call": call} | message  # a record of GET /call has the fields of both
    ours, theirs = our_number(both), customer(both)
    inbound = call.get("type") != "outboundPhoneCall"
    began = moment(message.get("startedAt")) or moment(call.get("startedAt")) or started
    over = moment(message.get("endedAt")) or moment(call.get("endedAt")) or ended
    return CallReport(
        id=call_id,
        final=final,
        number_ids=number_ids(both),
        number=ours,
        caller=theirs if inbound else ours,
        called=ours if inbound else theirs,
        status=status,
        ended_reason=words(message.get("endedReason"), 200) or words(call.get("endedReason"), 200),
        started_at=began,
        ended_at=over,
        duration_seconds=_duration(message, began, over) if final else None,
        cost=_cost(message, call) if final else None,
    )


def _duration(message: Json, began: datetime | None, over: datetime | None) -> Decimal | None:
    said = amount(message.get("durationSeconds"))
    if said is None and (thousandths := amount(message.get("durationMs"))) is not None:
        said = thousandths / 1000
    if said is None and began and over and over >= began:
        said = Decimal(str((over - began).total_seconds()))
    return said


def _cost(*sources: Json) -> Decimal | None:
    """In USD, as Vapi's OpenAPI document says of `cost`."""
    said = [amount(value) for s in sources for value in (s.get("cost"), part(s, "costBreakdown").get("total"))]
    return next((value for value in said if value is not None), None)


def part(source: Json, key: str) -> Json:
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def identifier(value: Any) -> str | None:
    """Vapi's ids are UUIDs; a strange one becomes another of its own, always the same."""
    found = text(value, 1000)
    if found is None or PLAIN_ID.fullmatch(found):
        return found
    return f"strange-{hashlib.sha256(found.encode()).hexdigest()[:32]}"


def text(value: Any, longest: int) -> str | None:
    """One line, as a column takes it and a terminal shows it."""
    if not isinstance(value, str):
        return None
    return one_line(value).strip()[:longest] or None


def words(value: Any, longest: int) -> str | None:
    """A text in which Vapi may quote what it was told: without secrets of ours."""
    return text(REDACTOR.text(value), longest) if isinstance(value, str) else None


def amount(value: Any) -> Decimal | None:
    """A number that is not negative, also where it came as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value)[:40])
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < MOST else None


def moment(value: Any) -> datetime | None:
    """ISO text as of 2024, or epoch milliseconds as since 2025."""
    if isinstance(value, str) and value[:20].isdecimal():
        return moment(int(value[:20]))
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value[:40])
        except ValueError:
            return None
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found if EARLIEST <= found <= LATEST else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**14:
        return None
    found = datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS else value, UTC)
    return found if EARLIEST <= found <= LATEST else None
