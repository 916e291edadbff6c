"""What Vapi says of a call: every shape of a field that has been seen, and what is made of those that make no sense."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.sandbox_server import SandboxServer
from tests.support.vapi_messages import CALL, CALLER, NUMBER, VOICE_ID, shape
from tests.voice.vapi_org import api, fault, refuse
from trunkline.domain.calls import CallReport
from trunkline.errors import Missing, RetryLater
from trunkline.logs import REDACTOR
from trunkline.voice.base import VoiceNumber
from trunkline.voice.vapi import VapiPlatform
from trunkline.voice.vapi_calls import amount, identifier, moment, report_of_call, report_of_message, text

BEGAN, ENDED = datetime(2026, 3, 2, 18, 0, 1, tzinfo=UTC), datetime(2026, 3, 2, 18, 1, 31, 500_000, tzinfo=UTC)


def report(name: str, **changes: Any) -> CallReport:
    found = report_of_message(shape(name, **changes), "unnamed")
    assert found is not None
    return found


@pytest.mark.parametrize("year", [2024, 2026])
def test_a_report_of_the_end_says_everything(year: int) -> None:
    assert report(f"end-of-call-report {year}") == CallReport(
        id=CALL,
        final=True,
        number_ids=(VOICE_ID, VOICE_ID),
        number=NUMBER,
        caller=CALLER,
        called=NUMBER,
        status="ended",
        ended_reason="customer-ended-call",
        started_at=BEGAN,
        ended_at=ENDED,
        duration_seconds=Decimal("90.5"),
        cost=Decimal("0.0912"),
    )


def test_a_status_says_when_the_call_began_or_ended_by_its_own_time() -> None:
    began, ended = report("status-update in-progress"), report("status-update ended")
    assert (began.final, began.status, began.ended_at) == (False, "in-progress", None)
    assert began.started_at == datetime(2026, 3, 2, 18, 0, 5, 120_000, tzinfo=UTC)
    assert (ended.started_at, ended.ended_at) == (None, began.started_at)
    assert (ended.ended_reason, ended.cost, ended.duration_seconds) == ("assistant-request-failed", None, None)


def test_the_callers_and_the_called_number_are_looked_for_where_they_have_been_seen() -> None:
    nested = report("end-of-call-report 2026", customer=None)
    assert (nested.caller, nested.called) == (CALLER, NUMBER)
    sip = report("end-of-call-report 2026", customer={"number": None, "sipUri": "sip:a@b"}, call={"customer": None})
    assert sip.caller == "sip:a@b"
    transient = report("end-of-call-report 2026", phoneNumber=None, call={"phoneNumber": {"twilioPhoneNumber": NUMBER}})
    assert (transient.called, transient.number_ids) == (NUMBER, (VOICE_ID, None))


def test_the_cost_is_the_sum_where_only_that_is_given() -> None:
    assert report("end-of-call-report 2026", cost=None).cost == Decimal("0.09")
    assert report("end-of-call-report 2026", cost=0).cost == 0
    assert report("end-of-call-report 2026", cost=None, costBreakdown=None).cost is None


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, "90.5"),
        ({"durationSeconds": None}, "90.5"),
        ({"durationSeconds": "12"}, "12"),
        ({"durationSeconds": None, "durationMs": 7}, "0.007"),
        ({"durationSeconds": None, "durationMs": None}, "90.5"),
        ({"durationSeconds": None, "durationMs": None, "endedAt": "2026-03-02T18:00:00Z"}, None),
        ({"durationSeconds": None, "durationMs": None, "startedAt": None}, None),
    ],
)
def test_a_duration_is_what_was_said_else_what_lies_between(changes: dict[str, Any], seconds: str | None) -> None:
    assert report("end-of-call-report 2026", **changes).duration_seconds == (Decimal(seconds) if seconds else None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-03-02T18:00:01Z", BEGAN),
        ("2026-03-02T18:00:01.000Z", BEGAN),
        ("2026-03-02T20:00:01+02:00", BEGAN),
        ("2026-03-02 18:00:01", BEGAN),
        (1772474401000, BEGAN),
        (1772474401000.0, BEGAN),
        (1772474401, BEGAN),
        ("1772474401000", BEGAN),
        ("1999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("now", None),
        ("", None),
        (0, None),
        (-1, None),
        (10**30, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ([1], None),
        (None, None),
    ],
)
def test_a_time_in_any_of_its_forms(value: Any, found: datetime | None) -> None:
    assert moment(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, "1"),
        (0.25, "0.25"),
        ("0.25", "0.25"),
        (0, "0"),
        *((bad, None) for bad in (-1, 10**7, 10**400, True, "x", "", [1])),
    ],
)
def test_an_amount_in_any_of_its_forms(value: Any, found: str | None) -> None:
    assert amount(value) == (None if found is None else Decimal(found))


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-0.1", float("nan"), float("inf"), None, {}])
def test_no_amount_is_made_of_what_is_none(bad: Any) -> None:
    assert amount(bad) is None


def test_a_strange_id_becomes_one_of_its_own_and_always_the_same() -> None:
    assert identifier(CALL) == CALL
    strange = identifier("é" * 300)
    assert strange == identifier("é" * 300)
    assert strange != identifier("é" * 299)
    assert strange is not None
    assert len(strange) == 40
    assert [identifier(none) for none in ("", " ", None, 7, ["x"])] == [None] * 5


def test_a_secret_of_ours_in_the_reason_of_an_end_is_blanked() -> None:
    REDACTOR.know("a-vapi-key-of-ours")
    message = {"type": "end-of-call-report", "call": {"id": "c1"}, "endedReason": "error a-vapi-key-of-ours\x1b[2J"}
    found = report_of_message(message, "unnamed")
    assert found is not None
    assert found.ended_reason == "error ***[2J"


NO_TEXTS: list[Any] = ["", "  ", None, 7, {}]


def test_a_text_fits_its_column() -> None:
    assert text("a\x00b" + "c" * 100, 10) == "abcccccccc"
    assert text("\ud800\x1b", 10) == "\ufffd"
    assert [text(value, 10) for value in NO_TEXTS] == [None] * len(NO_TEXTS)


def test_a_record_is_final_once_the_call_has_ended() -> None:
    record = shape("end-of-call-report 2026")["call"] | {"startedAt": "2026-03-02T18:00:01Z", "cost": 0.5}
    ended, going = report_of_call(record), report_of_call(record | {"status": "in-progress"})
    assert ended is not None
    assert going is not None
    assert (ended.final, ended.number_ids[0], ended.cost) == (True, VOICE_ID, Decimal("0.5"))
    assert (going.final, going.started_at, going.cost) == (False, BEGAN, None)
    assert report_of_call({}) is None


@pytest.mark.anyio
async def test_a_call_is_read_from_vapi(vapi: VapiPlatform, sandbox: SandboxServer, imported: VoiceNumber) -> None:
    played = sandbox.control.post("/calls", json={"to": str(imported.number), "from": CALLER}).json()
    found = await vapi.call(played["call"])
    assert (found.id, found.final, found.number_ids) == (played["call"], True, (imported.id, None))
    assert (found.caller, found.status, found.ended_reason) == (CALLER, "ended", "customer-ended-call")
    assert found.cost == Decimal(str(api(sandbox, "GET", f"/call/{found.id}")["cost"]))
    assert found.duration_seconds is not None


@pytest.mark.anyio
async def test_a_call_that_cannot_be_read_is_missing_or_for_later(vapi: VapiPlatform, sandbox: SandboxServer) -> None:
    with pytest.raises(Missing):
        await vapi.call(CALL)
    refuse(sandbox, "calls.get", 503, "away", times=1)
    with pytest.raises(RetryLater):
        await vapi.call(CALL)
    fault(sandbox, "calls.get", kind="status", status=200, body={"id": "another"})
    with pytest.raises(RetryLater):
        await vapi.call(CALL)
