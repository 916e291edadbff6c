"""Whoever types commands is told commands, and each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trunkline.cli.app import program
from trunkline.cli.words import COMMANDS, in_commands

SOURCES = Path(__file__).parent.parent.parent / "src/trunkline"
ROOMS = ("db", "domain", "workflows")


@pytest.mark.parametrize("command", sorted({command for _, command in COMMANDS}))
def test_every_command_that_is_named_exists(command: str) -> None:
    words = [word for word in re.sub(r"\\2", "release", command).split() if word != r"\1"]
    assert CliRunner().invoke(program(), [*words, "--help"]).exit_code == 0


def test_a_hint_of_the_api_names_the_command() -> None:
    said = (
        "take it over: POST /api/numbers/+14155550101/import; GET /api/debts shows it, GET /api/numbers/search others"
    )
    told = (
        "take it over: trunkline numbers import +14155550101; trunkline debts shows it, trunkline numbers search others"
    )
    assert in_commands(said) == told
    assert in_commands("POST /api/restaurants/rst_1/phone first") == "trunkline assign rst_1 first"
    assert in_commands("POST /api/restaurants/bulk answers") == "POST /api/restaurants/bulk answers"


def test_no_hint_is_left_in_the_words_of_the_api() -> None:
    """In the rooms below the API, where nobody knows who asks."""
    texts = [text for room in ROOMS for file in (SOURCES / room).rglob("*.py") for text in said_in(file)]
    assert len(texts) > 10
    assert [text for text in texts if "/api/" in in_commands(text)] == []


def said_in(file: Path) -> list[str]:
    return re.findall(r"(?:GET|POST|PUT|PATCH|DELETE) /api/[^\s\"';,]+", file.read_text())
