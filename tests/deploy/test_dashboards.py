"""What is written from the table of metrics: as it stands in the repository, and about metrics that there are."""

from __future__ import annotations

import json
import re

import promql_parser
import pytest

from deploy.alerts import RULES
from deploy.dashboards import OVERVIEW, everything, files, overview, queries
from schemas.metrics import METRICS

THEIRS = {"up": ("job", "instance"), "ALERTS": ("alertname", "alertstate")}
"""What Prometheus knows by itself."""

OURS = {name: metric.labels for metric in METRICS for name in metric.series}
LABELS = {"le", "job", "instance"}

EXPRESSIONS = {
    **{
        f"{title} {number}": one.expr for title, asked in OVERVIEW.items() for number, one in enumerate(asked)
    },
    **{
        f"{metric.name} {number}": one.expr
        for metric in METRICS
        for number, one in enumerate(queries(metric))
    },
    **{rule.name: rule.expr for rule in RULES},
}


def parsed(expr: str) -> list:
    """Everything in an expression. What Grafana puts in for itself is a time."""
    found: list = []
    promql_parser.walk(promql_parser.parse(expr.replace("$__rate_interval", "1m")), found.append)
    return found


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_given_the_repository_then_what_is_written_is_what_the_tables_say_now(path):
    assert path.read_text(encoding="utf-8") == files()[path], "run: python -m deploy.dashboards"


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_given_an_expression_then_it_can_be_read_and_asks_for_metrics_and_labels_that_there_are(name):
    nodes = parsed(EXPRESSIONS[name])
    selectors = [node for node in nodes if type(node).__name__ == "VectorSelector"]
    assert selectors
    for selector in selectors:
        assert selector.name in OURS | THEIRS, selector.name
        its = {*OURS.get(selector.name, ()), *THEIRS.get(selector.name, ())} | LABELS
        assert {matcher.name for matcher in selector.matchers.matchers} <= its
    known = {label for one in selectors for label in (*OURS.get(one.name, ()), *THEIRS.get(one.name, ()))}
    for node in nodes:
        if type(node).__name__ == "AggregateExpr" and node.modifier is not None:
            assert set(node.modifier.labels) <= known | LABELS


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_given_a_counter_then_only_its_growth_is_looked_at_because_it_begins_anew_with_its_process(name):
    counters = {series for metric in METRICS if metric.kind != "gauge" for series in metric.series}
    for node in parsed(EXPRESSIONS[name]):
        if type(node).__name__ == "Call" and node.func.name in {"rate", "increase"}:
            for arg in node.args:
                assert arg.vector_selector.name in counters
    bare = re.sub(r"(rate|increase)\([^()]*\)", "", EXPRESSIONS[name])
    assert [one for one in counters if re.search(rf"\b{one}\b", bare)] == []


def test_given_a_legend_then_it_names_labels_that_its_lines_have():
    for board in (overview(), everything()):
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                names = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                expr = target["expr"]
                assert all(name in expr or expr.startswith("ALERTS") for name in names), target


def test_given_the_table_then_every_metric_has_a_panel_and_no_two_panels_overlap():
    panels = everything()["panels"]
    assert {panel["title"] for panel in panels if panel["type"] != "row"} == {
        metric.name for metric in METRICS
    }
    for board in (overview(), everything()):
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        cells: set[tuple[int, int]] = set()
        for at in (panel["gridPos"] for panel in board["panels"]):
            its = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert not its & cells
            assert at["x"] + at["w"] <= 24
            cells |= its
        assert json.loads(json.dumps(board)) == board
