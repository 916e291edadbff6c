"""The guide's two scripts, in both of its forms, against a running server."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.operator import Operator

ROOT = Path(__file__).parent.parent.parent
CREATE, DELETE = "create_twilio_phone_numbers", "delete_twilio_phone"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    errors: str


class Scripts:
    """Runs them as the guide says, from the repository's folder."""

    def __init__(self, operator: Operator, as_module: bool) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | operator.settings
        self._as_module = as_module

    def command(self, script: str, *arguments: str) -> list[str]:
        form = ["-m", f"scripts.{script}"] if self._as_module else [f"scripts/{script}.py"]
        return [sys.executable, *form, *arguments]

    def run(self, script: str, *arguments: str) -> Ended:
        ended = subprocess.run(
            self.command(script, *arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def at_a_terminal(self, script: str, *arguments: str, answer: str) -> tuple[int, str]:
        """(exit code, all that was shown) for a person who gives this answer."""
        ours, theirs = pty.openpty()
        environment = self.environment | {"TERM": "xterm-256color", "COLUMNS": "120"}
        command = self.command(script, *arguments)
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, answer.encode() + b"\n")
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # the child has closed its side
            pass
        os.close(ours)
        return child.wait(60), shown.decode()


@pytest.fixture
def scripts(operator: Operator, request: pytest.FixtureRequest) -> Scripts:
    return Scripts(operator, as_module=getattr(request, "param", False))


both_forms = pytest.mark.parametrize("scripts", [False, True], ids=["file", "module"], indirect=True)


def lacking(operator: Operator) -> list[str]:
    return [r.id for r in operator.client.restaurants(has_number=False)]


def states(operator: Operator, *numbers: str | None) -> list[str]:
    return [operator.client.number(number or "").state for number in numbers]


@both_forms
def test_numbers_are_created_for_all_restaurants_without_one(operator: Operator, scripts: Scripts) -> None:
    made = [operator.restaurant(f"Da Gino {n}", assign_phone=False).id for n in range(3)]
    assert set(made) <= set(lacking(operator))
    planned = scripts.run(CREATE, "--dry-run")
    assert planned.code == 0
    assert re.match(r"\d+ restaurants to get a number:\n", planned.out)
    assert set(made) <= set(lacking(operator))
    some = scripts.run(CREATE, "--limit", "1", "--area-code", "415", "--yes")
    assert (some.code, "1 assigned" in some.out) == (0, True)
    done = scripts.run(CREATE, "--yes")
    assert done.code == 0, done.errors
    assert sum("Da Gino" in line and "+1" in line for line in (some.out + done.out).splitlines()) == 3
    assert re.search(r"^bought for [\d.]+ USD a month$", done.out, re.MULTILINE)
    assert lacking(operator) == []
    shown = [operator.client.number(operator.client.restaurant(i).phone_number or "") for i in made]
    assert {(n.carrier, n.state) for n in shown} == {("twilio", "in_service")}
    again = scripts.run(CREATE, "--yes")
    assert (again.code, again.out) == (0, "nothing to do: every restaurant has a number\n")


def test_a_program_reads_each_restaurant_and_the_sum_as_json(operator: Operator, scripts: Scripts) -> None:
    made = operator.restaurant("Da Json", assign_phone=False).id
    plan = scripts.run(CREATE, "--dry-run", "--json")
    assert json.loads(plan.out)["restaurants"] == 1
    ended = scripts.run(CREATE, "--yes", "--json")
    assert ended.code == 0, ended.errors
    item, end = [json.loads(line) for line in ended.out.splitlines()]
    assert (item["item"]["restaurant_id"], item["item"]["status"]) == (made, "assigned")
    assert end["batch"]["counts"]["assigned"] == 1


def test_a_person_is_asked_and_may_say_no(operator: Operator, scripts: Scripts) -> None:
    made = operator.restaurant("Da Ugo", assign_phone=False).id
    code, shown = scripts.at_a_terminal(CREATE, answer="n")
    assert (code, "Start, and buy up to" in shown) == (0, True)
    assert lacking(operator) == [made]
    code, shown = scripts.at_a_terminal(CREATE, answer="y")
    assert code == 0
    assert "1/1" in shown  # the progress bar
    assert "\x1b[32m" in shown  # a colour
    assert "Da Ugo" in shown
    assert lacking(operator) == []


def test_nobody_is_asked_where_nobody_is_there(operator: Operator, scripts: Scripts) -> None:
    made = operator.restaurant(assign_phone=False).id
    ended = scripts.run(CREATE)
    assert (ended.code, ended.errors) == (2, "Error: nobody is there to be asked (give --yes)\n")
    assert lacking(operator) == [made]
    operator.client.delete_restaurant(made)


def test_those_who_share_a_number_get_their_own(operator: Operator, scripts: Scripts) -> None:
    scripts.run(DELETE, "--unassigned", "--release", "--yes")
    account = f"/accounts/twilio/{operator.account}"
    operator.restaurant(force_twilio=True)
    operator.sandbox.control.put(account, json={"trial": True})
    sharing = operator.restaurant("Shares", force_twilio=True)
    operator.sandbox.control.put(account, json={"trial": False})
    assert sharing.shared
    assert scripts.run(CREATE, "--yes").out.startswith("nothing to do")
    ended = scripts.run(CREATE, "--include-shared", "--yes")
    assert ended.code == 0, ended.out
    assert not operator.client.restaurant(sharing.id).shared


def test_a_number_is_deleted_from_vapi_and_stays_in_the_account(operator: Operator, scripts: Scripts) -> None:
    idle = operator.client.search_numbers(limit=1, carrier="twilio").items[0].number
    assert idle is not None
    operator.client.buy_number(idle)
    before = [row["wire"]["voice_url"] for row in operator.sandbox.held("twilio") if row["number"] == idle]
    operator.client.import_number(idle)
    ended = scripts.run(DELETE, idle, "--yes")
    assert ended.code == 0, ended.errors
    assert "deleted from Vapi, kept at twilio with its old settings" in ended.out
    assert operator.client.number(idle).voice_id is None
    after = [row["wire"]["voice_url"] for row in operator.sandbox.held("twilio") if row["number"] == idle]
    assert after == before


@both_forms
def test_a_live_restaurants_number_needs_force(operator: Operator, scripts: Scripts) -> None:
    restaurant = operator.restaurant("Live")
    refused = scripts.run(DELETE, restaurant.phone_number, "--yes")
    assert (refused.code, "serves Live (--force" in refused.errors) == (1, True)
    assert states(operator, restaurant.phone_number) == ["in_service"]
    ended = scripts.run(DELETE, restaurant.phone_number, "--force", "--release", "--yes")
    assert (ended.code, "given back to twilio" in ended.out) == (0, True)
    assert operator.client.restaurant(restaurant.id).phone_number is None
    assert restaurant.phone_number not in [n["number"] for n in operator.sandbox.held("twilio")]


def test_all_that_serve_nobody_are_given_back_and_the_others_left(operator: Operator, scripts: Scripts) -> None:
    live, gone = operator.restaurant(), [operator.restaurant() for _ in range(2)]
    for restaurant in gone:
        operator.client.delete_restaurant(restaurant.id)
    ended = scripts.run(DELETE, "--unassigned", "--release", "--yes", "--json")
    assert ended.code == 0, ended.errors
    released = {release["number"] for release in json.loads(ended.out)}
    assert {restaurant.phone_number for restaurant in gone} <= released
    assert states(operator, live.phone_number) == ["in_service"]
    again = scripts.run(DELETE, "--unassigned", "--release", "--yes")
    assert (again.code, again.out) == (0, "nothing to do: there is no such number\n")


def test_all_means_all_only_by_force(operator: Operator, scripts: Scripts) -> None:
    live = operator.restaurant()
    left = scripts.run(DELETE, "--all", "--yes")
    assert left.code in (1, 3)
    assert states(operator, live.phone_number) == ["in_service"]
    code, shown = scripts.at_a_terminal(DELETE, "--all", "--force", "--release", answer="n")
    assert (code, "given back to twilio" in shown) == (0, True)
    assert states(operator, live.phone_number) == ["in_service"]
    ended = scripts.run(DELETE, "--all", "--force", "--release", "--yes")
    assert ended.code == 0, ended.errors
    assert operator.sandbox.held("twilio") == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "say which"),
        (["+14155550123", "--all"], 2, "say which"),
        (["12"], 2, "is not a phone number"),
        (["+14155559999"], 1, "we do not know +14155559999"),
    ],
)
def test_what_cannot_be_deleted_is_one_line(
    operator: Operator, scripts: Scripts, arguments: list[str], code: int, said: str
) -> None:
    ended = scripts.run(DELETE, *arguments)
    assert (ended.code, ended.out, said in ended.errors) == (code, "", True)
    assert ended.errors.count("\n") == 1


def test_without_a_server_the_script_says_how_to_start_one(operator: Operator, scripts: Scripts) -> None:
    scripts.environment["TRUNKLINE_URL"] = "http://127.0.0.1:9"
    ended = scripts.run(CREATE)
    assert (ended.code, "`trunkline serve` or `make run`" in ended.errors) == (1, True)
