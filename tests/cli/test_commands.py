"""An operator's commands: what they print for people and for programs, and their exit codes."""

from __future__ import annotations

import json
import re
import signal

import httpx2
import pytest

from tests.cli.conftest import Start
from tests.support.operator import Operator

# --- restaurants -----------------------------------------------------------------------------------------------------


def test_a_restaurant_is_created_shown_listed_and_deleted(operator: Operator) -> None:
    said = operator.run("restaurants", "create", "Chez Panisse", "--area-code", "415")
    assert "in_service" not in said
    assert "came by" in said
    assert "trk_" in said
    (listed,) = operator.json("restaurants", "list", "--search", "panisse")
    shown = operator.json("restaurants", "show", listed["id"])
    assert shown["phone_number"] == listed["phone_number"]
    assert listed["phone_number"].startswith("+1415")
    assert listed["phone_number"] in operator.run("restaurants", "list", "--with-number")
    assert listed["phone_number"] in operator.run("restaurants", "show", listed["id"])
    said = operator.run("restaurants", "delete", listed["id"], "--yes")
    assert said == f"deleted Chez Panisse; {listed['phone_number']} cools down\n"
    assert operator.run("restaurants", "list", "--search", "panisse") == "no restaurant\n"


def test_created_without_getting_its_number_is_done_partly(operator: Operator) -> None:
    created = operator.json("restaurants", "create", "Nowhere", "--contains", "0000000", code=3)
    assert (created["phone_number"], created["assignment"]["reason"]) == (None, "no_numbers_found")
    assert created["api_key"].startswith("trk_")
    assert operator.json("restaurants", "create", "None wanted", "--no-phone")["assignment"] is None


def test_a_restaurant_gets_its_number_later(operator: Operator) -> None:
    restaurant = operator.restaurant(assign_phone=False)
    assert "no_numbers_found" in operator.run("assign", restaurant.id, "--contains", "0000000", code=1)
    assert operator.json("assign", restaurant.id)["assignment"]["status"] == "assigned"
    said = operator.refused("assign", restaurant.id, code=1)
    assert said.startswith("Error: the restaurant has +1")


def test_what_a_restaurant_has_is_told_of_the_number_that_it_has_now(operator: Operator) -> None:
    had, got = operator.restaurant("Had one"), operator.restaurant("Got one", assign_phone=False)
    assert "no_numbers_found" in operator.run("assign", got.id, "--contains", "0000000", code=1)
    operator.run("numbers", "move", str(had.phone_number), got.id, "--yes")
    for one, came_by in ((had, "lost since"), (got, "moved")):
        facts = dict(line.split("\t") for line in operator.run("restaurants", "show", one.id, "--plain").splitlines())
        assert facts["came by"] == came_by
        assert not any(facts[said] for said in ("reason", "message", "hint"))
        assert came_by in operator.run("restaurants", "list", "--search", one.name)


def test_a_name_with_markup_is_shown_as_it_is(operator: Operator) -> None:
    name = "[red]Rosso[/red] [bold"
    operator.run("restaurants", "create", name, "--no-phone")
    assert name in operator.run("restaurants", "list", "--search", "rosso")
    assert f"{name}  " in operator.run("batch", "start", "--search", "Rosso", "--yes")


def test_keys_are_renewed_one_by_one_or_all_at_once(operator: Operator) -> None:
    roma, napoli = (operator.restaurant(name, assign_phone=False) for name in ("Keys of Roma", "Keys of Napoli"))
    renewed = operator.json("restaurants", "rotate-key", roma.id, "--yes")
    assert (renewed["id"], renewed["api_key"] != roma.api_key) == (roma.id, True)
    assert "within a day" in operator.refused("restaurants", "rotate-key", roma.id, "--yes", code=1)
    said = operator.run("restaurants", "rotate-key", "--all", "--yes")
    assert roma.id not in said
    assert renewed["api_key"] not in said
    assert operator.run("restaurants", "rotate-key", "--all", "--yes") == ""
    said = operator.run("restaurants", "rotate-key", "--all", "--force", "--yes")
    for restaurant in (roma, napoli):
        (key,) = [line.split()[0] for line in said.splitlines() if restaurant.id in line]
        path = f"{operator.client.url}/api/restaurants/{restaurant.id}"
        assert httpx2.get(path, headers={"Authorization": f"Bearer {key}"}).json()["name"] == restaurant.name


@pytest.mark.parametrize("which", [(), ("rst_0000000000000000", "--all")])
def test_whose_key_is_renewed_must_be_said(operator: Operator, which: tuple[str, ...]) -> None:
    assert "name a restaurant, or give --all" in operator.refused("restaurants", "rotate-key", *which, "--yes", code=2)


def test_a_key_is_made_used_listed_renewed_and_revoked(operator: Operator) -> None:
    said = operator.run("keys", "create", "--scope", "restaurants:read", "--scope", "keys:write", "--comment", "mine")
    (key,) = re.findall(r"trk_\w+", said)
    assert operator.run("restaurants", "list", "--search", "no such", TRUNKLINE_SECRET=key) == "no restaurant\n"
    refused = operator.refused("numbers", "list", code=1, TRUNKLINE_SECRET=key)
    assert refused.startswith("Error: this key has not the scope numbers:read (trunkline keys create --scope")
    (made,) = [one for one in operator.json("keys", "list") if one["comment"] == "mine"]
    assert key not in operator.run("keys", "list")
    renewed = operator.json("keys", "rotate", made["id"])
    assert renewed["key"] not in (None, key)
    assert "within a day" in operator.refused("keys", "rotate", made["id"], code=1)
    (forced,) = re.findall(r"trk_\w+", operator.run("keys", "rotate", made["id"], "--force", "--yes"))
    assert operator.run("keys", "revoke", made["id"], "--yes") == f"revoked {made['id']}, mine\n"
    assert "was revoked" in operator.refused("keys", "list", code=1, TRUNKLINE_SECRET=forced)


def test_a_key_is_made_with_its_budget(operator: Operator) -> None:
    wish = ("keys", "create", "--scope", "numbers:buy", "--budget")
    made = operator.json(*wish, "max_purchases=2", "--budget", "max_spending=5.50")
    (budget,) = [one for one in operator.json("budgets", "list") if one["budget"] == made["id"]]
    assert (budget["max_purchases"], budget["max_spending"]) == (2, "5.50")
    assert "max_pizzas" in operator.refused(*wish, "max_pizzas=2", code=2)


def test_a_scope_that_there_is_not_is_wrong_usage(operator: Operator) -> None:
    said = operator.refused("keys", "create", "--scope", "numbers:sell", code=2)
    assert "there is no scope 'numbers:sell' (scopes are: restaurants:read" in said


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_a_number_is_searched_bought_shown_and_given_back(operator: Operator) -> None:
    (offer,) = operator.json("numbers", "search", "--area-code", "212", "--limit", "1")["items"]
    number = offer["number"]
    assert number in operator.run("numbers", "search", "--area-code", "212")
    said = operator.run("numbers", "buy", number, "--yes")
    assert said == f"bought {number} at twilio for 1.15 USD a month; it is idle\n"
    operator.refused("numbers", "buy", number, "--yes", code=1)
    assert f"{number} of twilio is in Vapi" in operator.run("numbers", "import", number)
    assert number in [n["number"] for n in operator.json("numbers", "list", "--state", "idle")]
    said = operator.run("numbers", "release", number, "--give-back", "--yes")
    assert "deleted from Vapi, given back to twilio" in said
    assert f"{number} given back to the carrier" in said
    assert operator.json("numbers", "show", number)["state"] == "released"
    assert "released" in operator.run("numbers", "show", number)
    assert number not in [n["number"] for n in operator.sandbox.held("twilio")]


def test_a_number_that_is_put_aside_is_shown_with_the_reason(operator: Operator) -> None:
    held = {"carrier": "twilio", "number": "+14155550171", "account": operator.account}
    operator.sandbox.control.post("/numbers", json=held).raise_for_status()
    refused = {"message": "This number is not supported.", "statusCode": 400}
    fault = {"kind": "status", "status": 400, "body": refused, "contains": "4155550171"}
    operator.sandbox.fault(provider="vapi", operation="phone_numbers.create", **fault)
    operator.restaurant()
    (row,) = [n for n in operator.json("numbers", "list") if n["number"] == held["number"]]
    assert row["put_aside_until"] is not None
    assert "not supported" in row["put_aside_reason"]
    (line,) = [n for n in operator.run("numbers", "list").splitlines() if n.startswith(held["number"])]
    assert "idle, put aside" in line
    assert "not supported" in operator.run("numbers", "show", held["number"])


def test_a_number_in_service_is_released_only_by_force(operator: Operator) -> None:
    restaurant = operator.restaurant()
    number = restaurant.phone_number
    out = operator.run("numbers", "release", number, "--yes", code=1)
    assert "left alone" in out
    assert operator.client.number(number).state == "in_service"
    both = operator.restaurant().phone_number
    idle = operator.restaurant()
    operator.client.delete_restaurant(idle.id)
    operator.run("numbers", "release", both, idle.phone_number, "--yes", code=3)
    assert operator.client.number(both).state == "in_service"
    assert [r.status for r in operator.client.number(idle.phone_number).releases] == ["done"]
    (done,) = operator.json("numbers", "release", number, "--force", "--yes")
    assert done["status"] == "done"
    assert operator.client.restaurant(restaurant.id).phone_number is None


def test_a_release_whose_carrier_is_down_is_owed_and_shown(operator: Operator) -> None:
    number = operator.restaurant().phone_number
    operator.sandbox.fault(provider="twilio", operation="incoming_numbers.delete", kind="status", status=503)
    said = operator.run("numbers", "release", number, "--give-back", "--force", "--yes", code=3)
    assert f"{number} is still owed its release" in said
    assert number in operator.run("debts")
    (debt,) = operator.json("debts")
    assert debt["kind"] == "release_owed"


def test_a_carrier_that_refuses_a_search_is_named(operator: Operator) -> None:
    operator.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="status", status=401)
    assert "check TWILIO_ACCOUNT_SID" in operator.refused("numbers", "search", code=1)


# --- assignments -----------------------------------------------------------------------------------------------------


def test_assignments_are_listed_shown_watched_and_tried_again(operator: Operator) -> None:
    failed = operator.restaurant("Tried again", contains="0000000").assignment
    assert failed.id in [a["id"] for a in operator.json("assignments", "list", "--status", "unassigned")]
    assert [a["id"] for a in operator.json("assignments", "list", "--restaurant", "Tried again")] == [failed.id]
    assert len(operator.json("assignments", "list", "--limit", "1")) == 1
    said = operator.run("assignments", "show", failed.id)
    assert "no_numbers_found" in said
    assert "find_existing" in said
    assert "unassigned: " in operator.run("assignments", "watch", failed.id, code=1)
    assert operator.json("assignments", "retry", failed.id, code=1)["id"] != failed.id
    running = operator.restaurant(wait=False).assignment
    said = operator.run("assignments", "watch", running.id)
    assert "create_mapping" in said
    assert said.splitlines()[-1].startswith("assigned: +1")
    operator.refused("assignments", "retry", running.id, code=1)


# --- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_is_planned_started_and_summed_up(operator: Operator) -> None:
    for n in range(3):
        operator.restaurant(f"Trattoria {n}", assign_phone=False)
    wanted = ("batch", "start", "--search", "trattoria", "--force-twilio")
    said = operator.run(*wanted, "--dry-run")
    assert said.startswith("3 restaurants to get a number:\n")
    plan = operator.json(*wanted, "--dry-run", "--limit", "2")
    assert (plan["restaurants"], plan["carrier"]) == (2, "twilio")
    assert operator.client.plan_batch(search="trattoria").restaurants == 3
    lines = operator.run(*wanted, "--yes").splitlines()
    assert sum("Trattoria" in line and "+1" in line for line in lines) == 3
    assert any(line.endswith("is done: 3 assigned") for line in lines)
    assert any(line.startswith("bought for ") for line in lines)
    (batch, *_) = operator.json("batch", "list")
    assert batch["counts"]["assigned"] == 3
    assert batch["id"] in operator.run("batch", "list")
    assert "3 assigned" in operator.run("batch", "watch", batch["id"])
    assert "every restaurant of the batch has its number" in operator.refused("batch", "resume", batch["id"], code=1)
    assert "the batch is done" in operator.refused("batch", "cancel", batch["id"], code=1)


def test_a_batch_that_serves_some_is_done_partly_and_one_that_serves_none_failed(operator: Operator) -> None:
    for n in range(2):
        operator.restaurant(f"Locanda {n}", assign_phone=False)
    operator.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": "+14155569876"})
    wanted = ("batch", "start", "--search", "locanda", "--yes")
    said = operator.run(*wanted, "--contains", "0000000", code=1)
    assert "no_numbers_found" in said
    assert "2 restaurants without a number; go on with: trunkline batch resume bat_" in said
    said = operator.run(*wanted, "--contains", "5569876", "--json", code=3)
    *items, end = [json.loads(line) for line in said.splitlines()]
    assert {item["item"]["status"] for item in items} == {"assigned", "unassigned"}
    assert end["batch"]["counts"]["assigned"] == 1


def test_a_batch_is_stopped_and_gone_on_with(operator: Operator) -> None:
    for n in range(44):
        operator.restaurant(f"Osteria {n}", assign_phone=False)
    operator.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.2)
    started = operator.json("batch", "start", "--search", "osteria", "--force-twilio", "--yes", "--detach")
    assert started["status"] == "running"
    assert "the batch is running" in operator.refused("batch", "resume", started["id"], code=1)
    said = operator.run("batch", "cancel", started["id"])
    assert f"go on with: trunkline batch resume {started['id']}" in said
    assert "the batch is cancelled" in operator.refused("batch", "cancel", started["id"], code=1)
    operator.sandbox.control.delete("/faults")
    assert "44 assigned" in operator.run("batch", "resume", started["id"])


def test_ctrl_c_stops_the_watching_and_not_the_batch(operator: Operator, trunkline: Start) -> None:
    for n in range(4):  # fewer than there are places at the carrier: the one that is not held up ends meanwhile
        operator.restaurant(f"Taverna {n}", assign_phone=False)
    operator.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="hold", skip=1)
    batch = operator.client.start_batch(search="taverna", force_twilio=True)
    watching = trunkline("batch", "watch", batch.id, **operator.settings)
    watching.until("Taverna")
    watching.process.send_signal(signal.SIGINT)
    code, errors = watching.ends()
    assert (code, f"{batch.id} goes on in the server" in errors) == (130, True)
    operator.sandbox.control.delete("/faults")
    assert [told for told in operator.client.watch_batch(batch.id)][-1] == operator.client.batch(batch.id)
    assert operator.client.batch(batch.id).counts.assigned == 4


def test_nothing_to_do_is_done_and_a_filter_that_matches_none_is_wrong(operator: Operator) -> None:
    operator.run("batch", "start", "--ignore-wishes", "--yes", code=0)
    assert operator.run("batch", "start", "--yes") == "nothing to do: every restaurant has a number\n"
    assert "no restaurant matches" in operator.refused("batch", "start", "--search", "nobody has it", code=2)


# --- what cannot be --------------------------------------------------------------------------------------------------

UNKNOWN = {
    "restaurant": ("restaurants", "show", "rst_0000000000000000"),
    "restaurant to delete": ("restaurants", "delete", "rst_0000000000000000", "--yes"),
    "restaurant to serve": ("assign", "rst_0000000000000000"),
    "number": ("numbers", "show", "+14155550000"),
    "number to release": ("numbers", "release", "+14155550000", "--yes"),
    "number to take over": ("numbers", "import", "+14155550000"),
    "assignment": ("assignments", "watch", "asg_0000000000000000"),
    "batch": ("batch", "watch", "bat_0000000000000000"),
    "batch to resume": ("batch", "resume", "bat_0000000000000000"),
}
WRONG = {
    "number": ("numbers", "show", "12"),
    "number to release": ("numbers", "release", "hello", "--yes"),
    "country": ("numbers", "search", "--country", "XX"),
    "area code": ("batch", "start", "--area-code", "12"),
    "question": ("batch", "start", "--limit", "1"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_not_known_fails_in_one_line(operator: Operator, what: str) -> None:
    operator.refused(*UNKNOWN[what], code=1)


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_asked_is_wrong_usage(operator: Operator, what: str) -> None:
    operator.restaurant(assign_phone=False)
    if what == "question":  # the plan is shown before nobody can be asked
        operator.run(*WRONG[what], code=2)
    else:
        operator.refused(*WRONG[what], code=2)


def test_an_option_that_cannot_be_is_wrong_usage(operator: Operator) -> None:
    operator.run("numbers", "search", "--carrier", "att", code=2)
    operator.run("batch", "start", "--limit", "0", code=2)


def test_no_server_says_how_to_start_one(operator: Operator) -> None:
    said = operator.refused("debts", code=1, TRUNKLINE_URL="http://127.0.0.1:9")
    assert "`trunkline serve` or `make run`" in said


def test_a_wrong_secret_says_which_setting(operator: Operator) -> None:
    assert "TRUNKLINE_SECRET" in operator.refused("debts", code=1, TRUNKLINE_SECRET="wrong")


def test_the_servers_own_secret_is_used_where_no_other_is_set(operator: Operator) -> None:
    secret = operator.settings.pop("TRUNKLINE_SECRET")
    assert operator.run("debts", VAPI_SECRET_KEY=secret, code=0)


def test_what_numbers_cost_is_told_by_state_and_in_sum(operator: Operator) -> None:
    operator.restaurant(force_twilio=True)
    said = operator.run("costs")
    assert re.search(r"^twilio +in_service +\d+ +\d+\.\d\d USD$", said, re.MULTILINE)
    assert re.search(r"^\d+\.\d\d USD a month for \d+ numbers?, of it", said, re.MULTILINE)
    assert operator.run("costs", "--csv").startswith("carrier,state,currency,numbers,monthly\n")
    assert operator.json("costs")["totals"][0]["currency"] == "USD"
