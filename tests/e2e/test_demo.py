"""`trunkline demo` from start to end, and that it notices what is not as the chart says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.cli.conftest import Start, trunkline
from trunkline.cli import demo
from trunkline.cli.app import program
from trunkline.domain.outcomes import STEPS

__all__ = ["trunkline"]
RIGHT = demo.Row("Bought", "+14155550123", False, "purchased", demo.PURCHASED.path, demo.PURCHASED)
CALLED = demo.Called("+14155550123", "Bought", "Bought")


def test_every_path_of_the_chart_ends_as_it_says(trunkline: Start) -> None:
    program = trunkline("demo")
    printed = program.until("calls were answered")
    assert program.ends() == (0, "")
    for word in ("existing", "owned", "purchased", "shared", "carrier_not_configured", "carrier_action_required"):
        assert word in printed
    assert set(STEPS) <= set(printed.split())
    assert "7 of 7 calls were answered by the restaurant that was called" in printed


@pytest.mark.parametrize(
    "change",
    [
        {"ends": "owned"},
        {"path": demo.EXISTING.path},
        {"number": None},
        {"shared": True},
    ],
)
def test_a_request_that_ends_in_another_way_is_wrong(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "perform", lambda: ([RIGHT, replace(RIGHT, **change)], [CALLED], []))
    shown = CliRunner().invoke(program(), ["demo"])
    assert shown.exit_code == 1
    assert "1 of 2 requests ended as the chart says" in shown.output


def test_a_debt_left_at_the_end_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "perform", lambda: ([RIGHT], [CALLED], ["still owed: finish the release of a number"]))
    shown = CliRunner().invoke(program(), ["demo"])
    assert shown.exit_code == 1
    assert "wrong: still owed" in shown.output


def test_a_call_that_another_restaurant_answers_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "perform", lambda: ([RIGHT], [CALLED, replace(CALLED, answered="Owned")], []))
    shown = CliRunner().invoke(program(), ["demo"])
    assert shown.exit_code == 1
    assert "1 of 2 calls were answered" in shown.output
