"""`trunkline sandbox call`, `call-test`, `setup-vapi` and `repoint`: from the settings to what a caller hears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shop import Shop
from tests.support.sandbox_server import SandboxServer
from tests.support.sqlite import copied
from trunkline.sandbox import twilio


@pytest.fixture
def database_file(migrated_sqlite: Path, tmp_path: Path) -> str:
    return copied(migrated_sqlite, tmp_path)


@pytest.fixture
def shop(sandbox: SandboxServer, tmp_path: Path, database_file: str) -> Iterator[Shop]:
    with Shop(sandbox, tmp_path, database_file) as opened:
        yield opened


@pytest.fixture(params=["assistant", "server"])
def any_shop(
    request: pytest.FixtureRequest, sandbox: SandboxServer, tmp_path: Path, database_file: str
) -> Iterator[Shop]:
    with Shop(sandbox, tmp_path, database_file, vapi_routing=request.param) as opened:
        yield opened


def test_after_setup_a_call_reaches_the_restaurant_in_either_mode(any_shop: Shop) -> None:
    any_shop.create("Roma")
    milano = any_shop.create("Milano")
    shown = any_shop.run("setup-vapi", "--yes")
    assert shown.code == 0, shown.errors
    assert any_shop.app.url in shown.out
    said = any_shop.run("call-test", "Milano", "--json")
    assert said.code == 0, said.errors
    assert (said.json["expected"], said.json["right"]) == (milano["id"], True)
    heard = said.json["played"]["heard"]
    assert ("Milano" in heard) is (any_shop.app.app.state.services.settings.vapi_routing == "server")
    assert "restaurant_name" not in heard
    table = any_shop.run("sandbox", "call", milano["phone_number"], "--from", "+14155550199")
    assert table.code == 0
    assert f"Milano ({milano['id']})" in table.out
    assert "+14155550199 calls" in table.out


def test_lost_and_repeated_messages_are_told(shop: Shop) -> None:
    number = shop.create("Roma")["phone_number"]
    shop.run("setup-vapi", "--yes")
    said = shop.run("sandbox", "call", number, "--duplicates", "2", "--lose", "status-update:ended", "--json")
    assert said.code == 0, said.errors
    sent = {f"{m['type']}:{m['status']}": m["sent"] for m in said.json["messages"]}
    assert sent["status-update:ended"] == 0
    assert sent["tool-calls:None"] == 3


def test_a_restaurant_whose_shared_number_another_answers_is_not_called_right(shop: Shop) -> None:
    shop.sandbox.control.put(f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}", json={"trial": True}).raise_for_status()
    first, second = shop.create("Roma"), shop.create("Milano")
    assert second["shared"]
    shop.run("setup-vapi", "--yes")
    assert shop.run("call-test", second["id"]).code == 0
    said = shop.run("call-test", first["id"])
    assert said.code == 1
    assert f"answered by   Milano ({second['id']})" in said.out
    assert "wrong: Roma" in said.out


def test_without_setup_no_restaurant_answers(shop: Shop) -> None:
    number = shop.create("Roma")["phone_number"]
    said = shop.run("sandbox", "call", number)
    assert said.code == 1
    assert "no restaurant" in said.out
    assert "no server URL" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("sandbox", "call", "+14155550777"), 1, "no phone number +14155550777"),
        (("sandbox", "call", "+14155550777", "--sandbox", "http://127.0.0.1:9"), 1, "no sandbox answers"),
        (("call-test", "Nobody"), 2, "no restaurant is named"),
        (("call-test", "rst_none"), 1, "rst_none"),
    ],
)
def test_what_cannot_be_called_is_one_line(shop: Shop, arguments: tuple[str, ...], code: int, told: str) -> None:
    said = shop.run(*arguments)
    assert said.code == code
    assert told in said.errors
    assert len(said.errors.splitlines()) == 1


def test_setup_shows_the_difference_and_does_nothing_unasked(shop: Shop) -> None:
    unasked = shop.run("setup-vapi")
    assert unasked.code == 2
    assert "server.url" in unasked.out
    assert "--yes" in unasked.errors
    assert {r["method"] for r in shop.sandbox.requests(provider="vapi")} == {"GET"}
    done = shop.run("setup-vapi", "--yes", "--json").json
    assert (done["created"], done["applied"]) == (False, True)
    assert "server.credentialId" in {change["field"] for change in done["changes"]}
    again = shop.run("setup-vapi", "--json")
    assert (again.code, again.json["changes"], again.json["applied"]) == (0, [], False)


def test_setup_makes_an_assistant_where_there_is_none(shop: Shop) -> None:
    said = shop.run("setup-vapi", "--yes", VAPI_ASSISTANT_NAME="Tables")
    assert said.code == 0, said.errors
    assert "is to be made" in said.out
    assert "is right" in shop.run("setup-vapi", VAPI_ASSISTANT_NAME="Tables").out


def test_setup_says_which_setting_is_missing(shop: Shop) -> None:
    said = shop.run("setup-vapi", PUBLIC_BACKEND_URL="")
    assert said.code == 2
    assert "PUBLIC_BACKEND_URL" in said.errors


def test_numbers_follow_a_change_of_mode(sandbox: SandboxServer, tmp_path: Path, database_file: str) -> None:
    with Shop(sandbox, tmp_path, database_file) as before:
        before.create("Roma")
        before.create("Milano")
    with Shop(sandbox, tmp_path, database_file, vapi_routing="server") as shop:
        looked = shop.run("repoint", "--dry-run", "--json")
        assert (looked.code, looked.json["wrong"], looked.json["routing"]) == (3, 2, "server")
        assert shop.run("repoint").code == 2
        done = shop.run("repoint", "--yes")
        assert done.code == 0, done.errors
        assert "done: 2 moved, 0 left alone, 0 failed" in done.out
        assert shop.run("repoint", "--yes", "--json").json["wrong"] == 0
        assert shop.run("call-test", "Milano").code == 0


def test_calls_are_listed_and_explained_and_callers_registered(shop: Shop) -> None:
    roma = shop.create("Roma")
    shop.run("setup-vapi", "--yes")
    assert shop.run("call-test", "Roma").code == 0
    listed = shop.run("calls", "list", "--restaurant", "Roma", "--json")
    assert [call["called"] for call in listed.json] == [roma["phone_number"]], listed.errors
    assert shop.run("calls", "list", "--unrouted", "--json").json == []
    why = shop.run("calls", "explain", listed.json[0]["id"])
    assert f"{roma['phone_number']} was Roma's" in why.out
    assert shop.run("calls", "explain", "none").code == 1
    assert shop.run("callers", "add", "Roma", "+14155550142", "--json").json == ["+14155550142"]
    assert shop.run("callers", "remove", "Roma", "+14155550142", "--json").json == []
    assert "no caller" in shop.run("callers", "list", "Roma").out
