"""Watching over numbers and money at the terminal: plans, budgets, holds, events and where they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.conftest import until
from tests.support.operator import Operator
from tests.support.receiver import Receiver


def drift(operator: Operator, *kinds: str, changes: int = 1) -> list[dict[str, Any]]:
    answer = operator.sandbox.control.post("/drift", json={"kinds": list(kinds), "changes": changes})
    return list(answer.raise_for_status().json())


def test_what_drifts_is_planned_shown_carried_out_and_then_in_step(operator: Operator) -> None:
    operator.restaurant("Drifting")
    assert "in step" in operator.run("reconcile", "plan")
    ((changed),) = drift(operator, "missing_in_vapi")
    told = operator.run("reconcile", "plan", code=3)
    assert f"missing_in_vapi  {changed['number']}" in told
    assert "import it again" in told
    operator.run("reconcile", "plan", "--no-exit-code")
    made = operator.json("reconcile", "plan", code=3)
    assert [(d["kind"], d["number"]) for d in made["drifts"]] == [("missing_in_vapi", changed["number"])]
    assert operator.json("reconcile", "show", made["id"], code=3) == made
    titles, _, row, empty, *bullets = operator.run("reconcile", "show", made["id"], "--markdown", code=3).splitlines()
    assert titles.startswith("| kind | number |")
    assert row.startswith(f"| missing_in_vapi | {changed['number']} |")
    assert empty == ""
    assert all(line.startswith("- ") for line in bullets)
    assert made["checksum"] in bullets[-1]
    assert "nothing differs" in operator.run("reconcile", "show", made["id"], "--kind", "ghost", code=3)
    assert made["id"] in operator.run("reconcile", "list")
    assert "two forms" in operator.refused_lines("reconcile", "plan", "--markdown", "--json", code=2)

    assert "name its id" in operator.refused_lines("reconcile", "apply", "--yes", code=2)
    assert "no plan has this checksum" in operator.refused_lines("reconcile", "apply", "--checksum", "0", code=1)
    assert "give --yes" in operator.refused_lines("reconcile", "apply", made["id"], code=2)
    done = operator.run("reconcile", "apply", "--checksum", made["checksum"], "--yes", "--reason", "it was deleted")
    assert "imported again" in done
    assert "1 done" in done
    assert operator.run("reconcile", "plan").startswith("nothing differs")


def test_a_plan_that_is_another_one_now_is_not_carried_out(operator: Operator) -> None:
    operator.restaurant("Another")
    operator.restaurant("And another")
    drift(operator, "missing_in_vapi")
    made = operator.json("reconcile", "plan", code=3)
    ((more),) = drift(operator, "misrouted")
    said = operator.refused_lines("reconcile", "apply", made["id"], "--yes", code=3)
    assert "Error: " in said
    assert f"connect {more['number']}" in said
    now = operator.json("reconcile", "plan", code=3)
    run = operator.json("reconcile", "apply", now["id"], "--yes", "--detach")
    ended = operator.json("reconcile", "watch", run["id"])
    assert ended["status"] == "done"
    assert "done" in operator.run("reconcile", "watch", run["id"])
    assert "is done" in operator.refused("reconcile", "cancel", run["id"], code=1)
    assert "done or did not apply" in operator.refused("reconcile", "resume", run["id"], code=1)


def test_budgets_are_set_shown_and_removed(operator: Operator) -> None:
    assert "nothing is limited" in operator.run("budgets", "list")
    roma = operator.restaurant("Thrifty", assign_phone=False)
    assert "taken" in operator.run("budgets", "set", "all", "--max-monthly-price", "1000", "--max-numbers", "500")
    limited = operator.json("budgets", "set", "Thrifty", "--max-purchases", "0", "--max-spending", "0")
    assert (limited["budget"], limited["max_purchases"]) == (roma.id, 0)
    listed = operator.run("budgets", "list")
    assert "of 1000" in listed
    assert "0 of 0" in listed
    assert "max_spending" in operator.refused("budgets", "set", "all", "--max-spending", "-1", code=2)
    assert "budget_exceeded" in operator.run("assign", "Thrifty", code=1)
    assert "has no budget any more" in operator.run("budgets", "remove", "Thrifty", "--yes")
    assert operator.json("budgets", "remove", "all", "--yes")["budget"] == "all"


def test_a_number_is_held_where_its_carrier_can(operator: Operator) -> None:
    (offer, *_) = operator.json("numbers", "search", "--carrier", "twilio", "--limit", "1")["items"]
    assert "twilio" in operator.refused("numbers", "hold", offer["number"], code=1)
    assert "is not held" in operator.refused("numbers", "hold", offer["number"], "--end", code=1)


def test_what_happened_is_listed_and_told(operator: Operator) -> None:
    roma = operator.restaurant("Told")
    operator.run("restaurants", "change", "Told", "--name", "Renamed")
    assert "name changed" in operator.run("events", "list", "--subject", roma.id, "--type", "restaurant.changed")
    newest = operator.json("events", "list", "--limit", "2")
    assert len(newest) == 2
    assert operator.json("history", roma.id)[0]["text"]
    operator.run("restaurants", "delete", roma.id, "--reason", "closed", "--yes")
    story = operator.run("history", roma.id)
    assert f"{roma.phone_number} was given to Renamed (" in story
    assert f"{roma.phone_number} was taken off Renamed: the restaurant was deleted" in story
    by = "By whoever has the operator's secret (X-Vapi-Secret)"
    by_whom = [line for line in story.splitlines() if line.startswith("By")]
    assert by_whom[:2] == [by, f"{by}, because: closed"]  # then perhaps who detached it meanwhile
    assert "nothing happened" in operator.run("events", "list", "--since", "2100-01-01")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def test_events_are_sent_to_an_endpoint_that_is_looked_after(operator: Operator, receiver: Receiver) -> None:
    assert "events are sent nowhere" in operator.run("endpoints", "list")
    made = operator.json("endpoints", "create", receiver.url, "--type", "restaurant.created", "--description", "mine")
    assert made["secret"].startswith("whsec_")
    assert "it answered 200" in operator.run("endpoints", "example", made["id"])
    receiver.answer = lambda _: (500, {}, b"away")
    assert operator.json("endpoints", "example", made["id"], code=1)["status"] == 500
    receiver.answer = lambda _: (200, {}, b"ok")
    roma = operator.restaurant("Sent", assign_phone=False)
    (event,) = operator.json("events", "list", "--subject", roma.id, "--type", "restaurant.created")
    until(lambda: operator.json("endpoints", "deliveries", made["id"], "--status", "delivered"))
    assert operator.json("endpoints", "resend", made["id"], event["id"])["event_id"] == event["id"]
    assert "is sent again" in operator.run("endpoints", "resend", made["id"], event["id"])
    assert "sent again" in operator.run("endpoints", "recover", made["id"], "--since", "2020-01-01")
    assert event["id"] in operator.run("endpoints", "deliveries", made["id"])
    assert operator.json("endpoints", "deliveries", made["id"], "--limit", "1")[0]["event_id"] == event["id"]
    assert "whsec_" in operator.run("endpoints", "rotate", made["id"], "--reason", "it leaked")
    assert "disabled" in operator.run("endpoints", "change", made["id"], "--disable")
    assert "mine" in operator.run("endpoints", "list")
    assert operator.json("endpoints", "delete", made["id"], "--yes")["id"] == made["id"]
    assert "there is no endpoint" in operator.refused("endpoints", "rotate", made["id"], code=1)
