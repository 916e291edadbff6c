"""`trunkline numbers adopt`: what the accounts hold and nobody uses becomes ours by one command."""

from __future__ import annotations

from pathlib import Path

from tests.support.operator import Operator

BY_HAND = [f"+1303555{n:04}" for n in range(20, 24)]


def put(operator: Operator, carrier: str, account: str, number: str, **wire: str) -> None:
    body = {"carrier": carrier, "number": number, "account": account, "wire": wire}
    operator.sandbox.control.post("/numbers", json=body).raise_for_status()


def test_all_that_nobody_uses_is_adopted_and_the_rest_left_alone(operator: Operator, tmp_path: Path) -> None:
    used, serving = "+13035550099", operator.restaurant().phone_number
    for number in BY_HAND[:2]:
        put(operator, "twilio", operator.account, number)
    put(operator, "twilio", operator.account, used, voice_url="https://pbx.example/v")
    found = {one.number: one.carrier for one in operator.client.unused_numbers().items}
    assert found == dict.fromkeys(BY_HAND[:2], "twilio")
    assert "2 of 2 adopted" in operator.run("numbers", "adopt", "--all-unused", "--yes")
    assert [operator.client.number(number).state for number in BY_HAND[:2]] == ["idle", "idle"]
    assert serving is not None
    assert operator.client.number(serving).state == "in_service"
    assert "in use, or ours already" in operator.run("numbers", "adopt", "--all-unused")

    file = tmp_path / "numbers.csv"
    put(operator, "twilio", operator.account, BY_HAND[2])
    file.write_text(f"name,phone_number\nRoma,{BY_HAND[2]}\nNapoli,{used}\n")
    said = operator.run("numbers", "adopt", str(file), "--yes", code=3)
    assert "1 of 2 adopted" in said


def test_which_numbers_must_be_said(operator: Operator) -> None:
    assert "give one of them" in operator.refused("numbers", "adopt", code=2)
