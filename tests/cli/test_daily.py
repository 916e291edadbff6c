"""A day at the terminal: restaurants by their names, numbers from one to the other."""

from __future__ import annotations

from tests.support.operator import Operator


def test_numbers_go_from_one_restaurant_to_the_other_by_their_names(operator: Operator) -> None:
    roma, napoli = operator.restaurant("Roma Termini"), operator.restaurant("Napoli Centrale", assign_phone=False)
    assert operator.run("restaurants", "change", "Roma Termini", "--name", "Roma", "--external-id", "pos-1") != ""
    said = operator.run("numbers", "move", roma.phone_number, "Napoli Centrale", "--new-number-for-old", "--yes")
    assert said.splitlines()[0] == f"{roma.phone_number} serves Napoli Centrale"
    renewed = operator.client.restaurant("pos-1").phone_number
    assert renewed not in (None, roma.phone_number)
    operator.run("numbers", "swap", "pos-1", napoli.id, "--yes")
    assert operator.client.restaurant(napoli.id).phone_number == renewed
    changed = operator.json("numbers", "change", renewed, "--protect", "--label", "vanity", "--release-after", "never")
    assert (changed["protected"], changed["labels"], changed["release_after"]) == (True, ["vanity"], None)
    assert "vanity" in operator.run("numbers", "list")
    operator.run("numbers", "unassign", renewed, "--yes")
    assert "left alone" in operator.run("numbers", "release", renewed, "--yes", code=1)
    refused = operator.refused("numbers", "move", roma.phone_number, "nobody", "--yes", code=1)
    assert "there is no restaurant nobody" in refused


def test_a_change_of_nothing_is_no_change(operator: Operator) -> None:
    roma = operator.restaurant("Alone", assign_phone=False)
    assert "nothing is to be changed" in operator.refused("restaurants", "change", roma.id, code=2)
    operator.run("restaurants", "delete", "Alone", "--yes")
    assert roma.id in operator.run("restaurants", "list", "--deleted")
