"""`trunkline reconcile adopt`: what the accounts hold becomes ours by one command, or nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.conftest import wait_until
from tests.support.operator import Operator

BY_HAND = [f"+1303555{n:04}" for n in range(20, 24)]


def put(operator: Operator, number: str, **wire: str) -> None:
    body = {"carrier": "twilio", "number": number, "account": operator.account, "wire": wire}
    operator.sandbox.control.post("/numbers", json=body).raise_for_status()


def test_all_that_nobody_uses_is_adopted_and_the_rest_left_alone(operator: Operator) -> None:
    used, serving = "+13035550099", operator.restaurant().phone_number
    for number in BY_HAND[:2]:
        put(operator, number)
    put(operator, used, voice_url="https://pbx.example/v")
    found = {one.number: one.carrier for one in operator.client.unused_numbers().items}
    assert found == dict.fromkeys(BY_HAND[:2], "twilio")
    assert "2 numbers adopted, idle" in operator.run("reconcile", "adopt", "--all-unused", "--yes")
    kept = [operator.client.number(number) for number in BY_HAND[:2]]
    assert [(one.state, bool(one.voice_id)) for one in kept] == [("idle", True)] * 2
    assert serving is not None
    assert operator.client.number(serving).state == "in_service"
    assert "in use, or ours already" in operator.run("numbers", "adopt", "--all-unused")


def test_an_adoption_goes_on_without_who_had_no_time(operator: Operator) -> None:
    number = "+13035550047"
    put(operator, number)
    operator.sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="hold")
    told = operator.refused_lines("numbers", "adopt", "--all-unused", "--yes", "--timeout", "0.2", code=4)
    assert "goes on in the server (see: trunkline debts)" in told
    operator.sandbox.control.delete("/faults")
    wait_until(lambda: operator.client.number(number).voice_id)


def test_a_file_says_whose_a_number_is_and_a_wrong_line_stops_all(operator: Operator, tmp_path: Path) -> None:
    file, keys = tmp_path / "phone_mappings.csv", tmp_path / "keys.csv"
    for number in BY_HAND[2:]:
        put(operator, number)
    file.write_text(f"phone_number;name;external_id\n{BY_HAND[2]};Roma;old-1\n{BY_HAND[3]};;\n+13035557777;;\n")
    refused = operator.refused_lines("reconcile", "adopt", str(file), "--dry-run", code=2)
    assert f"{file}, line 4, column phone_number: +13035557777 is in no account at twilio" in refused
    file.write_text(f"phone_number;name;external_id\n{BY_HAND[2]};Roma;old-1\n{BY_HAND[3]};;\n")
    assert "1 idle, 1 new" in operator.run("reconcile", "adopt", str(file), "--dry-run")
    assert not keys.exists()
    operator.run("reconcile", "adopt", str(file), "--keys", str(keys), "--yes")
    assert operator.client.restaurant("old-1").phone_number == BY_HAND[2]
    assert operator.client.number(BY_HAND[3]).state == "idle"
    assert "old-1" in keys.read_text()
    assert "1 ours, 1 same" in operator.run("reconcile", "adopt", str(file), "--keys", str(keys), "--yes")
    newcomer = "+13035550048"
    put(operator, newcomer)
    file.write_text(f"phone_number;name\n{newcomer};Napoli\n")
    again = operator.refused_lines("reconcile", "adopt", str(file), "--keys", str(keys), "--yes", code=2)
    assert "is there already" in again
    assert "old-1" in keys.read_text()


def test_a_name_makes_no_twin(operator: Operator, tmp_path: Path) -> None:
    """A row with a name alone is for who is called so; where it could be one of two, for nobody."""
    file, (first, second) = tmp_path / "by_name.csv", (f"+1303555003{n}" for n in (0, 1))
    for number in (first, second):
        put(operator, number)
    there = operator.restaurant("Called So", assign_phone=False)
    twins = [operator.restaurant("Twins", assign_phone=False) for _ in range(2)]
    file.write_text(f"phone_number,name\n{first},Called So\n{second},Newcomer\n")
    operator.run("reconcile", "adopt", str(file), "--yes")
    assert operator.client.restaurant(there.id).phone_number == first
    assert operator.client.restaurant("Newcomer").phone_number == second
    assert "2 same" in operator.run("reconcile", "adopt", str(file), "--yes")
    for rows, said in (
        (f"{first},Twins\n", "line 2, column external_id: 2 restaurants are called Twins"),
        (f"{first},Newcomer\n", f"and has {second}"),
        (f"{first},Same\n{second},Same\n", "line 3, column external_id: row 1 is called Same as well"),
    ):
        file.write_text(f"phone_number,name\n{rows}")
        assert said in operator.refused_lines("reconcile", "adopt", str(file), "--dry-run", code=2)
    assert {operator.client.restaurant(one.id).phone_number for one in twins} == {None}


@pytest.mark.parametrize("arguments", [(), ("numbers.csv", "--all-unused")])
def test_which_numbers_must_be_said(operator: Operator, arguments: tuple[str, ...]) -> None:
    assert "give one of them" in operator.refused("reconcile", "adopt", *arguments, code=2)
