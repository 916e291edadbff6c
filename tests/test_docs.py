"""The documents say what the code does, all of it and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client.metrics import MetricWrapperBase
from pydantic import TypeAdapter
from starlette.routing import Route
from typer.core import TyperGroup

from tests.support.house import picture
from trunkline import metrics
from trunkline.api.described.events import example_of
from trunkline.api.document import render
from trunkline.cli.app import program
from trunkline.domain.events import TOLD, EventType
from trunkline.domain.numbers import NumberState
from trunkline.domain.outcomes import MOVE_STEPS, RELEASE_STEPS, STEPS, Reason, Source, Status
from trunkline.domain.scopes import WORDS, Scope
from trunkline.domain.states import DebtKind
from trunkline.errors import TrunklineError
from trunkline.sandbox.app import Vendor
from trunkline.sandbox.control import control_routes
from trunkline.sandbox.faults import KINDS, Fault
from trunkline.sandbox.server import build_sandbox
from trunkline.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
OPENAPI = ROOT / "docs/openapi.json"
REFERENCE = (ROOT / "docs/reference.md").read_text()
SANDBOX_PAGE = (ROOT / "docs/sandbox.md").read_text()
PAGES = [ROOT / "README.md", *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
FIELDS = Settings.model_fields
ONLY_COMPOSE = {"POSTGRES_PASSWORD"}


def rows(section: str, page: str = REFERENCE) -> list[list[str]]:
    """The cells of every table row under a heading of a page; the first cell is code."""
    text = re.split(r"^## ", page.split(f"\n## {section}\n")[1], flags=re.MULTILINE)[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]


def listed(section: str) -> list[str]:
    return [cells[0].strip("`") for cells in rows(section)]


def shown(name: str) -> str | None:
    """A setting's default as a person writes it; None where there is none."""
    default: Any = FIELDS[name].get_default(call_default_factory=True)
    if default in (None, [], {}):
        return None
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return ",".join(default) if isinstance(default, list) else str(default)


def commands(group: Any, *path: str) -> Iterator[str]:
    """Every command by its full name; a group that does something by itself counts as one."""
    if not isinstance(group, TyperGroup) or group.invoke_without_command:
        yield " ".join(path)
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


def errors(kind: type[TrunklineError] = TrunklineError) -> Iterator[type[TrunklineError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from errors(child)


def measured() -> set[str]:
    return {
        f.name
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase | metrics.Tally)
        for f in metric.collect()
    }


def operations() -> dict[str, str]:
    """Each with its scope, by the file, which has a test of its own."""
    document = json.loads(OPENAPI.read_text())
    known = {f"{method.upper()} {path}": one for path, of in document["paths"].items() for method, one in of.items()}
    scopes = {
        name: {s for way in one.get("security", ()) for of in way.values() for s in of} for name, one in known.items()
    }
    return {name: f"`{of.pop()}`" if of else "none" for name, of in scopes.items()}


CODE = {
    "Settings": [name.upper() for name in FIELDS],
    "Commands": list(commands(typer.main.get_command(program()), "trunkline")),
    "API": list(operations()),
    "Scopes": [scope.value for scope in Scope],
    "Steps": [*STEPS, *RELEASE_STEPS, *MOVE_STEPS],
    "Outcomes": [*Status, *Source],
    "Reasons": list(Reason),
    "Error codes": {error.code for error in errors()},
    "What is owed": list(DebtKind),
    "States of a number": list(NumberState),
    "Events": list(EventType),
}


def test_the_file_of_the_openapi_document_is_fresh() -> None:
    assert OPENAPI.read_text() == render(), "run: python -m trunkline.api.document > docs/openapi.json"


@pytest.mark.parametrize("section", CODE)
def test_the_reference_lists_exactly_what_the_code_has(section: str) -> None:
    assert sorted(listed(section)) == sorted(map(str, CODE[section]))


def test_the_reference_tells_each_event_with_its_example() -> None:
    for cells in rows("Events"):
        kind = EventType(cells[0].strip("`"))
        event = example_of(kind)
        besides = ("restaurant_id", "number", "run_id", "other_id", "before", "after")
        shown = json.dumps({name: value for name, value in event.items() if name in besides and value})
        assert cells[1:] == [TOLD[kind].words, event["text"], f"`{shown}`"]


def test_the_reference_tells_each_settings_default() -> None:
    told = {name: default for name, default, _ in rows("Settings")}
    needed = ("vapi_api_key", "vapi_secret_key")
    assert told == {
        f"`{name.upper()}`": "needed" if name in needed else f"`{shown(name)}`" if shown(name) else "none"
        for name in FIELDS
    }


def test_the_reference_tells_each_operations_scope() -> None:
    assert {name.strip("`"): scope for name, scope, _ in rows("API")} == operations()


def test_the_reference_tells_what_each_scope_allows() -> None:
    assert [(scope.strip("`"), words) for scope, words in rows("Scopes")] == list(WORDS.items())


def test_the_reference_tells_each_error_codes_status() -> None:
    told = {code.strip("`"): int(status) for code, status, _ in rows("Error codes")}
    assert told == {error.code: error.status for error in errors()}


def test_the_example_settings_are_all_settings_with_their_descriptions_and_defaults() -> None:
    found = re.findall(r"^# (.+)\n(#?)([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    told = {name: (about, mark, value) for about, mark, name, value in found if name not in ONLY_COMPOSE}
    assert told == {
        name.upper(): (field.description, "#" if shown(name) else "", shown(name) or "")
        for name, field in FIELDS.items()
    }


def test_the_example_settings_as_they_are_count_as_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FIELDS:
        monkeypatch.delenv(name.upper(), raising=False)
    assert load_settings(_env_file=ROOT / ".env.example") == load_settings(_env_file=None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_operators_page_tells_every_metric() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    told = set(re.findall(r"^\| `(trunkline_\w+)`", text, re.MULTILINE))
    assert {name.removesuffix("_total") for name in told} == measured()


def test_the_picture_of_the_house_is_that_of_the_import_contract() -> None:
    assert picture() in (ROOT / "docs/architecture.md").read_text()


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_a_contributor_is_sent_to_exist(page: str) -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", (ROOT / page).read_text())
    roots = (ROOT, ROOT / "src/trunkline")
    assert named
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_every_step_of_an_assignment_is_a_node_of_the_readmes_chart() -> None:
    chart = (ROOT / "README.md").read_text().split("```mermaid")[1].split("```")[0]
    assert set(STEPS) <= set(re.findall(r"[a-z]+(?:_[a-z]+)+|search|purchase", chart))


SANDBOX = build_sandbox()


@pytest.mark.parametrize("vendor", SANDBOX.vendors.values(), ids=lambda vendor: str(vendor.name))
def test_the_page_of_the_sandbox_tells_each_switch_extra_and_operation(vendor: Vendor) -> None:
    name = vendor.name
    switches = [[f"`{key}`", f"`{json.dumps(s.default)}`", s.about] for key, s in vendor.switches.items()]
    assert rows(f"Switches of {name.title()}", SANDBOX_PAGE) == switches
    extras = [cells[1].strip("`") for cells in rows("Accounts", SANDBOX_PAGE) if cells[0] == f"`{name}`"]
    assert sorted(extras) == sorted(vendor.extras)
    (told,) = re.findall(rf"^- {name.title()}: (.*)$", SANDBOX_PAGE, re.MULTILINE)
    assert re.findall(r"`([\w.]+)`", told) == sorted(SANDBOX.operations()[name])


def test_the_page_of_the_sandbox_tells_each_kind_and_field_of_a_fault() -> None:
    table = rows("Faults", SANDBOX_PAGE)
    assert [cells for cells in table if len(cells) == 2] == [[f"`{kind}`", about] for kind, about in KINDS.items()]
    told = {cells[0].strip("`") for cells in table if len(cells) == 3}
    assert told == {field.name for field in fields(Fault)} - {"id", "passed", "hits"}


def test_the_page_of_the_sandbox_tells_each_control_call() -> None:
    calls = {
        f"{method} {route.path.replace(':int', '')}"
        for route in control_routes(SANDBOX)
        if isinstance(route, Route) and route.methods and "rest:path" not in route.path
        for method in route.methods - {"HEAD"}
    }
    assert {cells[0].strip("`") for cells in rows("Control", SANDBOX_PAGE)} == calls


def test_the_page_of_the_sandbox_tells_the_keys_of_every_default_account() -> None:
    told = set(re.findall(r"^\| [^`|]+ \| `([^`]+)` \| `([^`]+)` \|$", SANDBOX_PAGE, re.MULTILINE))
    accounts = SANDBOX.world.accounts.values()
    keys = {
        (key, str(value["secret"])) for account in accounts for key, value in account.extra.get("api_keys", {}).items()
    }
    assert told == {(account.id, account.secret) for account in accounts} | keys


def test_a_switch_has_a_default_of_its_own_type() -> None:
    for switch in SANDBOX.switches().values():
        TypeAdapter(switch.of).validate_python(switch.default, strict=True)
