"""Rules of this code base that no linter knows."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from dbos import DBOS
from sqlalchemy.ext.asyncio.result import _ensure_sync_result

import trunkline
from trunkline.carriers.registry import CARRIERS
from trunkline.db.models import Base
from trunkline.settings import CARRIER_NAMES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src/trunkline"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LOCKS = sorted(ROOT.glob("requirements*.lock"))
DEPENDENCIES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def imports_of(path: Path) -> Iterator[str]:
    """The full name of everything that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_file_is_short_and_begins_with_a_docstring(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < 400 or "versions" in path.parts  # a migration is generated
    assert ast.get_docstring(ast.parse(text))


OUTSIDE_DB = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] not in ("db", "sandbox")]
STATEMENTS = {"select", "insert", "update", "delete", "text", "func", "exists", "bindparam", "and_", "or_", "table"}


@pytest.mark.parametrize("path", OUTSIDE_DB, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_outside_db_nothing_makes_sql_and_a_session_is_only_handed_on(path: Path) -> None:
    imported = {name.removeprefix("sqlalchemy.").split(".")[-1] for name in imports_of(path) if "sqlalchemy" in name}
    assert not imported & STATEMENTS
    used = {
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not {attr for name, attr in used if name in ("sa", "sqlalchemy") and attr in STATEMENTS}
    assert not {attr for name, attr in used if name == "session"}, "this belongs into db/"


COLUMNS = {column.key for mapper in Base.registry.mappers for column in mapper.column_attrs}
ROWS = {"row", "restaurant", "mapping", "assignment", "batch", "intent", "number", "debt", "_row"}


def test_columns_of_rows_are_written_in_db() -> None:
    written: dict[str, set[str]] = {}
    for path in OUTSIDE_DB:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in COLUMNS):
                continue
            if ast.unparse(node.value).split(".")[-1] in ROWS:
                written.setdefault(str(path.relative_to(PACKAGE)), set()).add(node.attr)
    assert written == {}


API = PACKAGE / "api"
NOUNS = {path.stem for path in API.glob("*.py") if "\nrouter = APIRouter(" in path.read_text()} - {"reference"}


def test_each_noun_of_the_api_has_the_same_files() -> None:
    assert {"restaurants", "batches", "health"} <= NOUNS
    for kind in ("shapes", "described"):
        assert {path.stem for path in (API / kind).glob("*.py")} - {"__init__"} == NOUNS, kind


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_an_endpoint_is_code_whose_words_and_shapes_are_beside_it(noun: str) -> None:
    tree = ast.parse((API / f"{noun}.py").read_text())
    routes = [call for node in tree.body if isinstance(node, ast.AsyncFunctionDef) for call in node.decorator_list]
    assert routes
    for route in routes:
        assert isinstance(route, ast.Call)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in route.keywords}
        assert given.get(None, "").startswith("described."), f"line {route.lineno}"
        assert not set(given) & {"operation_id", "summary", "description", "responses"}
    shapes = {
        base.id
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    assert not shapes & {"Answer", "BaseModel", "Body", "Listing"}
    for kind in ("shapes", "described"):
        assert not any("fastapi" in name for name in imports_of(API / kind / f"{noun}.py")), "an endpoint"


def test_workflows_know_no_vendor_by_name() -> None:
    """Except where an error or a debt says whose answer it tells (`provider=`), and where the doctor names what it has
    looked at."""
    named = []
    for path in (PACKAGE / "workflows").glob("*.py"):
        tree = ast.parse(path.read_text())
        told = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "provider"]
        excused = {id(inner) for value in told for inner in ast.walk(value)}
        named += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in CARRIERS and id(node) not in excused
        ]
    assert {place.split(":")[0] for place in named} <= {"diagnose.py"}, named


def tables_of_enums() -> Iterator[tuple[str, dict[Enum, Any]]]:
    """Every table of a module whose keys are of one enum, by its full name."""
    for module in pkgutil.walk_packages(trunkline.__path__, "trunkline."):
        if ".migrations" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, dict) and value and all(isinstance(key, Enum) for key in value):
                yield f"{module.name}.{name}", value


# What a vendor sells: fewer types than there are.
INCOMPLETE = {"trunkline.carriers.vonage.TYPES"}


def test_a_table_of_an_enum_covers_it() -> None:
    tables = dict(tables_of_enums())
    assert {"trunkline.domain.states.OWED", "trunkline.domain.numbers.MOVES"} <= set(tables)
    short = {name for name, table in tables.items() if set(table) != set(type(next(iter(table))))}
    assert short == INCOMPLETE


def test_the_carriers_that_settings_may_name_are_those_that_there_are() -> None:
    assert list(CARRIERS) == list(CARRIER_NAMES)


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

    assert len(LOCKS) == 4
    run, tested, judges = (pins(f"requirements{kind}.lock") for kind in ("", "-dev", "-judges"))
    assert run <= tested
    shared = {pin.split("==")[0] for pin in tested} & {pin.split("==")[0] for pin in judges}
    assert {pin for pin in judges if pin.split("==")[0] in shared} <= tested


def test_each_package_that_is_run_is_asked_for_by_our_code() -> None:
    """What is run without an import is named here, with who loads it."""
    loaded_by_name = {"httptools", "psycopg", "uvloop", "phonenumberslite"}
    imported = {name.split(".")[0] for path in SOURCES for name in imports_of(path)}
    wanted = {re.split(r"[\[><=;]", spec)[0].replace("-", "_") for spec in DEPENDENCIES}
    assert wanted - loaded_by_name <= imported


def test_the_libraries_whose_private_names_are_used_are_bounded_to_what_was_tried() -> None:
    for package in ("dbos", "sqlalchemy", "uvicorn"):
        (spec,) = [spec for spec in DEPENDENCIES if re.match(rf"{package}\b", spec)]
        assert re.search(r",<\d+\.\d+$", spec), f"{spec} takes versions that were never tried"


def test_the_private_names_that_we_use_of_libraries_are_what_they_were() -> None:
    """`db/sqlite.py` runs statements on the loop's thread, `cli/servers.py` swallows the signal that ended
    the server, `workflows/engine.py` takes over the work of a dead process."""
    assert "_async_soft_close()" in inspect.getsource(_ensure_sync_result)
    assert uvicorn.Server(uvicorn.Config("")).__dict__["_captured_signals"] == []
    assert list(inspect.signature(DBOS._recover_pending_workflows).parameters) == ["executor_ids"]
