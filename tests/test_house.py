"""Rules of this code base that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LOCKS = sorted(ROOT.glob("requirements*.lock"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_file_is_short_and_begins_with_a_docstring(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < 400 or "versions" in path.parts  # a migration is generated
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_only_the_settings_read_the_environment(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"environ", "getenv"} or path.name == "settings.py"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_by_hash_and_names_no_place_to_fetch_from(lock: Path) -> None:
    text = lock.read_text()
    pinned = re.findall(r"^[a-z0-9][\w.-]*==\S+", text, re.MULTILINE)
    assert pinned
    assert text.count(" \\\n    --hash=sha256:") >= len(pinned)
    assert not re.search(r"://|index|find-links|file:| @ ", text)


def test_what_is_run_is_what_is_tested() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))

    assert len(LOCKS) == 3
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_compose_serves_the_api_on_8000_after_upgrading_a_healthy_postgresql() -> None:
    api, db = COMPOSE["services"]["api"], COMPOSE["services"]["db"]
    assert api["ports"] == ["8000:8000"]
    assert api["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert api["environment"]["DATABASE_URL"].startswith("postgresql://")
    assert re.search(r"trunkline db upgrade && exec trunkline serve --host 0\.0\.0\.0", api["command"])
    assert "healthcheck" in api
    assert "healthcheck" in db


def test_compose_and_the_image_hold_no_secret() -> None:
    password = COMPOSE["services"]["db"]["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${POSTGRES_PASSWORD:?")
    assert f":{password}@" in COMPOSE["services"]["api"]["environment"]["DATABASE_URL"]


def test_the_image_has_what_it_copies_and_the_ignore_file_lets_it_in() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)
    assert {"src", "scripts", "requirements.lock"} <= set(copied)
