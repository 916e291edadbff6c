"""The page of commands is the one that the commands make."""

from __future__ import annotations

from pathlib import Path

from tests.support.json_forms import validators
from trunkline.cli.json_forms import FORMS
from trunkline.cli.reference import render

PAGE = Path(__file__).parent.parent.parent / "docs/cli.md"


def test_the_page_of_commands_says_what_the_commands_are() -> None:
    assert PAGE.read_text() == render(), "run: python -m trunkline.cli.reference > docs/cli.md"


def test_every_command_that_asks_the_server_prints_json_and_shows_an_example() -> None:
    alone = ("serve", "sandbox", "demo", "db", "backup", "restore", "doctor", "setup-vapi", "call-test", "mcp")
    for section in render().split("\n## ")[1:]:
        name = section.splitlines()[0].removeprefix("trunkline ")
        if not name.startswith(alone):
            assert "`--json`" in section, name
            assert f"```bash\ntrunkline {name}" in section, name


def test_what_each_command_prints_as_json_is_told() -> None:
    sections = render().split("\n## ")[1:]
    told = [section.splitlines()[0].removeprefix("trunkline ") for section in sections if "| `--json` |" in section]
    assert sorted(told) == sorted(FORMS)
    for form in FORMS.values():
        validators(form)
