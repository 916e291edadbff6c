"""What scripts and agents use: waiting that ends, lines that are taken apart, creations that may be repeated."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.crash.conftest import wait_until
from tests.support.operator import Operator
from trunkline.cli.following import Patience, while_patient

GOES_ON = 4


def held(operator: Operator, provider: str, operation: str) -> None:
    """Such a request is under way until the faults are taken away."""
    operator.sandbox.fault(provider=provider, operation=operation, kind="hold")


def test_patience_that_is_over_tells_what_to_watch_and_nothing_is_lost(operator: Operator) -> None:
    name = uuid.uuid4().hex
    held(operator, "vapi", "phone_numbers.create")
    said = operator.refused_lines("restaurants", "create", name, "--force-twilio", "--timeout", "0.1", code=GOES_ON)
    assert "goes on in the server (see: trunkline assignments watch asg_" in said
    run = said.split("watch ")[1].split(")")[0]
    assert operator.json("assignments", "watch", run, "--timeout", "0", code=GOES_ON)["status"] == "running"
    operator.sandbox.control.delete("/faults")
    operator.run("assignments", "watch", run)
    assert operator.client.restaurant(name).phone_number is not None


def test_each_wait_has_its_end(operator: Operator) -> None:
    one, other = operator.restaurant(force_twilio=True), operator.restaurant(assign_phone=False)
    for operation in ("phone_numbers.get", "phone_numbers.update", "phone_numbers.delete"):
        held(operator, "vapi", operation)
    number = str(one.phone_number)
    begun = operator.json("numbers", "move", number, other.id, "--yes", "--no-wait")
    assert begun["status"] == "running"
    operator.sandbox.control.delete("/faults")
    wait_until(lambda: operator.client.number(number).restaurants[0].id == other.id)
    held(operator, "vapi", "phone_numbers.delete")
    held(operator, "vapi", "phone_numbers.get")
    release = ("numbers", "release", number, "--force", "--yes")
    told = operator.refused_lines(*release, "--timeout", "0.1", code=GOES_ON)
    assert f"(see: trunkline numbers show {number})" in told


def test_a_purchase_for_stock_goes_on_without_who_had_no_time(operator: Operator) -> None:
    number = str(operator.client.search_numbers(carrier="twilio").items[0].number)
    operator.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=1.5)
    told = operator.refused_lines("numbers", "buy", number, "--yes", "--timeout", "0.5", code=GOES_ON)
    assert f"(see: trunkline numbers show {number})" in told
    wait_until(lambda: [one for one in operator.client.numbers(state="idle") if one.number == number])


def test_a_file_is_imported_for_as_long_as_there_is_time(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "restaurants.json"
    file.write_text(f'[{{"name": "{uuid.uuid4().hex}", "carrier": "twilio"}}]')
    held(operator, "vapi", "phone_numbers.create")
    held(operator, "vapi", "phone_numbers.update")
    told = operator.refused_lines("restaurants", "import", str(file), "--yes", "--timeout", "0.2", code=GOES_ON)
    batch = told.split("batch watch ")[1].split(")")[0]
    operator.sandbox.control.delete("/faults")
    operator.run("batch", "watch", batch)


def test_a_batch_is_watched_for_as_long_as_there_is_time(operator: Operator) -> None:
    mark = uuid.uuid4().hex[:8]
    operator.restaurant(f"{mark} one", assign_phone=False)
    held(operator, "vapi", "phone_numbers.create")
    held(operator, "vapi", "phone_numbers.update")
    start = ("batch", "start", "--search", mark, "--force-twilio", "--yes")
    said = operator.refused_lines(*start, "--timeout", "0.2", code=GOES_ON)
    batch = said.split("batch watch ")[1].split(")")[0]
    operator.refused_lines("batch", "watch", batch, "--timeout", "0.2", code=GOES_ON)
    operator.sandbox.control.delete("/faults")
    operator.run("batch", "watch", batch, "--timeout", "300")


def test_what_breaks_while_it_is_watched_is_told() -> None:
    def stream() -> object:
        yield 1
        raise ValueError("broken")

    told = while_patient(stream(), Patience(seconds=60))  # type: ignore[arg-type, var-annotated]
    assert next(told) == 1
    with pytest.raises(ValueError, match="broken"):
        next(told)


def test_creating_what_is_there_shows_it_and_changes_nothing(operator: Operator) -> None:
    name, ours = uuid.uuid4().hex, uuid.uuid4().hex
    by_name = ("restaurants", "create", name, "--no-phone", "--if-not-exists")
    first = operator.json(*by_name)
    assert first["api_key"]
    again = operator.json(*by_name)
    assert (again["id"], again["api_key"]) == (first["id"], None)
    by_id = ("restaurants", "create", name, "--no-phone", "--external-id", ours, "--if-not-exists")
    assert operator.json(*by_id)["id"] not in ("", first["id"])
    assert operator.json(*by_id)["external_id"] == ours


def test_plain_is_a_line_a_row_and_a_tab_between_cells(operator: Operator) -> None:
    made = operator.restaurant(f"Tab {uuid.uuid4().hex}" + " with many words" * 10, force_twilio=True)
    assert made.assignment is not None
    line = [made.id, made.name, "", made.phone_number, "", made.assignment.source]
    assert line in [row.split("\t") for row in operator.run("--plain", "restaurants", "list").splitlines()]
    facts = dict(row.split("\t") for row in operator.run("restaurants", "show", made.id, "--plain").splitlines())
    assert facts["number"] == made.phone_number
    story = operator.run("--plain", "history", made.id).splitlines()
    assert {row.count("\t") for row in story} == {3}
    assert operator.run("--plain", "restaurants", "list", "--search", "nobody has this name") == ""
    assert "NAME" in operator.run("restaurants", "list")
