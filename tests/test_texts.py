"""What others write is shown, and does nothing to a terminal, a log or a page."""

from __future__ import annotations

import pytest

from trunkline.texts import cleaned, lines, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Trattoria Bella, Zürich 🍕 寿司 مطعم", "Trattoria Bella, Zürich 🍕 寿司 مطعم"),
        ("no\u00a0break", "no\u00a0break"),
        ("two\r\nlines\tand\x85more\u2028here\u2029", "two lines and more here "),
        ("\x1b[2J\x1b]0;owned\x07gone\x9b31mred\x7f\x00", "[2J]0;ownedgone31mred"),
        ("\u202eevil\u202c \u2066isolated\u2069 \u200fmark\u061c", "evil isolated mark"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("famil\u200dies \U0001f468\u200d\U0001f469", "famil\u200dies \U0001f468\u200d\U0001f469"),
        ("\ufeffbom \U000e0041tag", "bom tag"),
    ],
)
def test_a_line_keeps_what_can_be_read_and_nothing_else(text: str, line: str) -> None:
    assert one_line(text) == line
    assert one_line(line) == line
    line.encode()


def test_a_text_of_lines_keeps_its_lines() -> None:
    assert lines("a\r\nb\n\tc\x1b[1m\u2028d\re") == "a\nb\n\tc[1m\nd\ne"


def test_every_text_of_an_answer_is_cleaned_and_nothing_else_is_changed() -> None:
    answer = {"name": "a\x1bb", "rows": [{"x": ["\u202e"]}, 1, None, True, 2.5], "n": "l1\nl2"}
    assert cleaned(answer) == {"name": "ab", "rows": [{"x": [""]}, 1, None, True, 2.5], "n": "l1\nl2"}
