"""Logs: one JSON object a line for programs, lines for people on a terminal, whoever wrote them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

FORGED = "assigned\n2026-01-01T00:00:00Z [info     ] forged\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
SCRIPT = """
import logging, sys, warnings
from dbos._logger import init_logger
from trunkline.logs import configure_logs
import structlog
configure_logs("info", sys.argv[1])
init_logger()  # as the engine does once it is there
forged = sys.stdin.read()
structlog.get_logger().info("one of ours", said=forged, deep={"told": [forged]})
logging.getLogger("dbos").warning("one of the engine's: %s", forged)
try:
    raise ValueError(forged)
except ValueError:
    logging.getLogger("uvicorn.error").exception("one of the server's")
warnings.warn("one of Python's", stacklevel=1)
"""
WRITERS = ["one of ours", "one of the engine's", "one of the server's", "one of Python's"]


def written(form: str, stderr: int = subprocess.PIPE) -> str:
    command = [sys.executable, "-c", SCRIPT, form]
    return subprocess.run(command, input=FORGED, stderr=stderr, text=True, check=True, timeout=60).stderr


def written_on_a_terminal(form: str) -> str:
    ours, theirs = pty.openpty()
    written(form, theirs)
    os.close(theirs)
    parts = []
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                parts.append(part)
        except OSError:  # the other side is closed
            pass
    return b"".join(parts).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("form", ["auto", "json"])
def test_where_no_terminal_is_every_line_is_json(form: str) -> None:
    lines = [json.loads(line) for line in written(form).splitlines()]
    assert [next(who for who in WRITERS if who in line["event"]) for line in lines] == WRITERS
    assert lines[0]["said"] == FORGED
    assert "ValueError" in lines[2]["exception"]
    assert all(line["level"] and line["timestamp"] for line in lines)


@pytest.mark.parametrize("form", ["auto", "console"])
def test_on_a_terminal_lines_are_for_people(form: str) -> None:
    lines = written_on_a_terminal(form).splitlines()
    for who in WRITERS:
        assert [line for line in lines if who in line and not line.startswith((" ", "{"))], who


def test_what_others_sent_neither_begins_a_line_nor_steers_the_terminal() -> None:
    text = written("console")
    assert not [line for line in text.splitlines() if line.startswith("2026-01-01")]
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert r"assigned\n2026-01-01" in text
    assert "    ValueError" in text
