"""What people read fits the terminal that they read it on."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from trunkline.cli import show

RUN = ["asg_0dm2p8v1xq7n5c2j", "rst_0dm2p8v1xk4t9r3q", "assigned", "+14155550101", "purchased", None, "in service"]
OF_A_RUN = ["id", "restaurant", "status", "number", "came by", "reason", "message"]


@pytest.mark.parametrize(
    ("columns", "row", "stands"),
    [
        (OF_A_RUN, RUN, "ID          asg_0dm2p8v1xq7n5c2j\nRESTAURANT  rst_0dm2p8v1xk4t9r3q\nSTATUS      assigned\n"),
        (["step", "detail"], ["search", "one word and another " * 6], "STEP    DETAIL\nsearch  one word and another"),
    ],
)
def test_a_table_fits_a_terminal_of_80_columns_and_can_be_read(
    columns: list[str],
    row: list[Any],
    stands: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=80))
    show.table(columns, [row, row], "none")
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert stands in said
    assert "+14155550101" in said or row is not RUN
