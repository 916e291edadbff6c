"""Recorded messages with anything in them changed: never an error of ours, never a guess, never a call lost.

FUZZ_EXAMPLES=5000 python -m pytest -s tests/api/test_webhook_fuzz.py  # shows the counts of a longer run
"""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.api.conftest import Api, Json
from tests.api.vapi import PATH
from tests.support.vapi_messages import SHAPES, shape

NOBODY = "00000000-0000-4000-8000-000000000000"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "\x00",
        "\ud800",
        "2026-13-45",
        "9999-12-31T23:59:59Z",
        "1e999",
        "-1",
        "ended",
        "assistant-request",
        "x" * 3000,
    ]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf")])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below a value."""
    found: list[tuple[Any, Any]] = []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        found += [(value, key), *places(inner)]
    return found


@st.composite
def messages(draw: st.DrawFn, names: list[str]) -> tuple[str, str]:
    """The name of a recorded message, and a changed copy of it as JSON in which ROMA stands for a known number."""
    name = draw(st.sampled_from(names))
    unknown = {"id": "CALL", "phoneNumberId": NOBODY}
    message = shape(name, call=unknown, phoneNumber={"id": NOBODY, "number": "ROMA"})
    whole = {"message": message}
    for _ in range(draw(st.integers(1, 5))):
        # Fields near the top decide most, so they are chosen more often.
        near = [(message, key) for key in message] + [(message[key], inner) for key in ("call", "phoneNumber")
            if isinstance(message.get(key), dict) for inner in message[key]]  # fmt: skip
        container, key = draw(st.sampled_from((near or [(whole, "message")]) + places(whole)))
        match draw(st.sampled_from(["drop", "replace", "wrap", "move"])):
            case "drop":
                del container[key]
            case "replace":
                container[key] = draw(VALUES)
            case "wrap":
                container[key] = [container[key]]
            case "move":
                source, other = draw(st.sampled_from(places(whole)))
                container[key] = json.loads(json.dumps(source[other]))
        if "message" not in whole or whole["message"] is not message or not message:
            break
    return name, json.dumps(whole)


def check_fuzz(api: Api, roma: Json, names: list[str]) -> None:
    counts: Counter[str] = Counter()
    expected: set[str] = set()

    @given(changed=messages(names), cut=st.none() | st.tuples(st.integers(0), st.binary(max_size=4)))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(changed: tuple[str, str], cut: tuple[int, bytes] | None) -> None:
        name, text = changed
        call_id = str(uuid.uuid4())
        body = text.replace("ROMA", roma["phone_number"]).replace("CALL", call_id).encode()
        if cut is not None and cut[0] % 4 == 0:  # now and then not even JSON
            place = cut[0] % len(body)
            body = body[:place] + cut[1] + body[place + 1 :]
        answer = api.client.post(PATH, content=body)
        assert answer.status_code in (200, 400), (answer.text, body)
        counts[f"{name.split()[0]} -> {answer.status_code}"] += 1
        event(f"{answer.status_code}")
        if answer.status_code == 400:
            assert answer.json()["code"] == "malformed_request"
            return
        said = answer.json()
        if "assistantId" in said:
            assert said["assistantOverrides"]["variableValues"]["restaurant_id"] == roma["id"]
            assert roma["phone_number"].encode() in body
        else:
            assert set(said) in ANSWERS, said
        if is_report(body, call_id):
            expected.add(call_id)

    check()
    print(f"\n{sum(counts.values())} messages: {dict(sorted(counts.items()))}; {len(expected)} reports, all kept")
    assert any(outcome.endswith("200") for outcome in counts)
    assert any(outcome.endswith("400") for outcome in counts)
    kept = known_calls(api)
    assert expected <= kept
    assert expected or not any(name.startswith("end-of-call-report") for name in names)


# Nothing to do; nobody's number, or nowhere to transfer to; results of tools, of a legacy function; nothing to know.
ANSWERS: list[set[str]] = [set(), {"error"}, {"results"}, {"result"}, {"documents"}]


def is_report(body: bytes, call_id: str) -> bool:
    """Whether it still is the report of this very call."""
    try:
        message = json.loads(body.decode("utf-8", "replace"))["message"]
        return bool(message["type"] == "end-of-call-report" and message["call"]["id"] == call_id)
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def known_calls(api: Api) -> set[str]:
    return {call["id"] for call in api.all("/api/calls")}


def test_any_message_with_anything_changed_is_answered_or_refused(api: Api, roma: Json) -> None:
    check_fuzz(api, roma, list(SHAPES))


def test_a_report_with_anything_changed_is_kept(api: Api, roma: Json) -> None:
    check_fuzz(api, roma, [name for name in SHAPES if name.startswith("end-of-call-report")])
