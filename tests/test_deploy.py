"""What an operator loads names only what there is: rules, their headings, the dashboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from trunkline import metrics
from trunkline.domain.invariants import Invariant

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deploy/prometheus"
PAGE = (ROOT / "docs/operations.md").read_text()
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/trunkline.json").read_text())
OF_THE_SCRAPE = {"instance", "job", "le"}


def series() -> dict[str, set[str]]:
    """Each name that a query may use, with the labels that it has."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, metrics.Tally):
            found |= {f"{one.name}_total": set() for one in metric.collect()}
        if isinstance(metric, MetricWrapperBase):
            (described,) = metric.describe()
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(described.type, [""])
            found |= {described.name + end: set(metric._labelnames) for end in ends}
    return found


def queries() -> list[tuple[str, str]]:
    found = [(rule["alert"], rule["expr"]) for rule in RULES]
    for panel in DASHBOARD["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel.get("targets", ())]
    return found


@pytest.mark.parametrize(("where", "query"), queries())
def test_a_query_names_only_metrics_and_labels_that_there_are(where: str, query: str) -> None:
    known = series()
    named = set(re.findall(r"\btrunkline_\w+", query))
    assert named
    assert named <= set(known), where
    labels = {label for names in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r",\s*", names)}
    labels |= {label for chosen in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)\s*[!=]", chosen)}
    assert labels <= set().union(*(known[name] for name in named)) | OF_THE_SCRAPE, where


def test_a_gauge_of_the_database_is_never_summed_over_processes() -> None:
    own = {"trunkline_call_reports_waiting"}
    gauges = {name for name in series() if not name.endswith(("_total", "_bucket", "_sum", "_count"))} - own
    for where, query in queries():
        for summed in re.findall(r"sum(?: by \([^)]*\))? ?\(([^)]*)", query):
            assert not set(re.findall(r"\btrunkline_\w+", summed)) & gauges, where


def test_each_alert_has_a_heading_that_says_what_to_do() -> None:
    section = PAGE.split("\n## Alerts\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_each_metric_stands_on_the_dashboard() -> None:
    shown = " ".join(query for _, query in queries())
    assert [
        name for name in series() if not name.endswith(("_sum", "_bucket")) and name.removesuffix("_count") not in shown
    ] == []


def test_the_page_tells_each_invariant() -> None:
    section = PAGE.split("\n## Our own books\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(Invariant)


def test_the_rules_are_told_when_they_must_be_and_not_else() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool comes with Prometheus")
    for words in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        ended = subprocess.run([promtool, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
