"""Writes what watches an installation from the one table of metrics: Grafana's dashboards, the alert rules, and the table for people.

`python -m deploy.dashboards` writes `deploy/grafana/*.json`, `deploy/prometheus/alerts.yaml` and `deploy/METRICS.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deploy.alerts import RULES, rules_file
from schemas.metrics import METRICS, Metric

FOLDER = Path(__file__).resolve().parent
WIDTH, HEIGHT, ROW = 8, 8, 24
"""Of a panel, and of a row of them, in Grafana's grid."""

COLUMNS = ROW // WIDTH

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

UNITS = {"seconds": "s", "bytes": "bytes", "Unix seconds": "s"}
"""What Grafana calls our units; all else is a plain number."""

TITLES = {
    "health": "Health",
    "lag": "Lag",
    "stages": "Stages",
    "intake": "Intake",
    "requests": "Requests",
    "channels": "Channels",
    "truth": "Truth",
}
"""The rows of the dashboard of everything: a title for each subject of the table."""


class Query(NamedTuple):
    """An expression, and how its lines are called."""

    expr: str
    legend: str


def queries(metric: Metric) -> list[Query]:
    """What is worth looking at of a metric, whatever it is."""
    by, legend = ", ".join(metric.labels), " ".join(f"{{{{{label}}}}}" for label in metric.labels)
    if metric.kind == "histogram":
        rate = f"sum by (le{', ' if by else ''}{by}) (rate({metric.name}_bucket[$__rate_interval]))"
        return [
            Query(f"histogram_quantile({of}, {rate})", f"p{of * 100:g} {legend}".strip())
            for of in (0.5, 0.99)
        ]
    if metric.kind == "counter":
        return [Query(f"sum by ({by}) (rate({metric.name}[$__rate_interval]))", legend)]
    joined = f"{metric.joined} by ({by}) ({metric.name})" if by else f"{metric.joined}({metric.name})"
    return [Query(f"time() - {joined}" if metric.unit == "Unix seconds" else joined, legend or metric.name)]


OVERVIEW: Mapping[str, Sequence[Query]] = {
    "Alerts that stand": [Query('ALERTS{alertstate="firing"}', "{{alertname}} {{channel}}{{stage}}")],
    "Ready": [Query("min by (part) (onhand_ready)", "{{part}}")],
    "Oldest record that waits, by stage": [Query("max by (stage) (onhand_lag_seconds)", "{{stage}}")],
    "Documents a second": [
        Query("sum by (outcome) (rate(onhand_intake_total[$__rate_interval]))", "{{outcome}}"),
    ],
    "Records a second, by stage": [
        Query("sum by (stage) (rate(onhand_stage_taken_total[$__rate_interval]))", "{{stage}}")
    ],
    "From number to platform, p99": [
        Query(
            "histogram_quantile(0.99, sum by (le, channel) (rate(onhand_push_seconds_bucket[$__rate_interval])))",
            "{{channel}}",
        )
    ],
    "Numbers that wait": [Query("max by (channel) (onhand_unpushed_numbers)", "{{channel}}")],
    "Asked to wait (429)": [
        Query("sum by (channel) (increase(onhand_slowed_total[$__rate_interval]))", "{{channel}}")
    ],
    "Requests, p99": [
        Query(
            "histogram_quantile(0.99, sum by (le, route) (rate(onhand_request_seconds_bucket[$__rate_interval])))",
            "{{route}}",
        )
    ],
    "Oversells": [Query("max by (cause) (onhand_oversells)", "{{cause}}")],
    "Dead letters that wait": [Query("max by (stage) (onhand_dead_letters_waiting)", "{{stage}}")],
    "Hours since the log was verified": [
        Query("(time() - max(onhand_verified_timestamp_seconds)) / 3600", "hours"),
        Query("max(onhand_verify_differences)", "differences"),
    ],
}
"""What one looks at first, by the title of its panel."""


def _panel(
    ident: int, place: int, title: str, about: str, unit: str, asked: Iterable[Query], *, top: int = 0
) -> dict[str, Any]:
    """A panel at the so many'th place below `top`."""
    return {
        "id": ident,
        "type": "timeseries",
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "gridPos": {
            "x": place % COLUMNS * WIDTH,
            "y": top + place // COLUMNS * HEIGHT,
            "w": WIDTH,
            "h": HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "expr": one.expr,
                "legendFormat": one.legend,
                "datasource": SOURCE,
            }
            for number, one in enumerate(asked)
        ],
    }


def _dashboard(uid: str, title: str, panels: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": title,
        "tags": ["onhand"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
            ]
        },
        "panels": panels,
    }


def overview() -> dict[str, Any]:
    """The dashboard that one looks at first."""
    panels = [
        _panel(
            ident=number + 1,
            place=number,
            title=title,
            about="",
            unit="s" if "p99" in title or title.startswith("Oldest") else "short",
            asked=asked,
        )
        for number, (title, asked) in enumerate(OVERVIEW.items())
    ]
    return _dashboard("onhand-overview", "Onhand", panels)


def everything() -> dict[str, Any]:
    """The dashboard of every metric of the table, a row for each subject."""
    panels: list[dict[str, Any]] = []
    top = 0
    for subject, title in TITLES.items():
        head = {"x": 0, "y": top, "w": ROW, "h": 1}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": head}
        )
        its = [metric for metric in METRICS if metric.subject == subject]
        for place, one in enumerate(its):
            unit = UNITS.get(one.unit, "short")
            panels.append(_panel(len(panels) + 1, place, one.name, one.help, unit, queries(one), top=top + 1))
        top += 1 + -(-len(its) // COLUMNS) * HEIGHT
    return _dashboard("onhand-everything", "Onhand, every metric", panels)


def table() -> str:
    """The metrics and the alerts for people."""
    lines = [
        "# Metrics and alerts",
        "",
        "Written by `python -m deploy.dashboards` from `schemas/metrics.py` and `deploy/alerts.py`: change them there.",
        "",
        "| metric | kind | unit | labels | what it says |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{one.name}` | {one.kind} | {one.unit} | {', '.join(one.labels) or 'none'} | {one.help} |"
        for one in METRICS
    ]
    lines += ["", "| alert | severity | for | when |", "|---|---|---|---|"]
    lines += [
        f"| [{rule.name}](RUNBOOK.md#{rule.anchor}) | {rule.severity} | {rule.lasting} | `{_cell(rule.expr)}` |"
        for rule in RULES
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def files() -> dict[Path, str]:
    """Everything that is written, by where."""
    boards = {"overview": overview(), "everything": everything()}
    return {
        **{
            FOLDER / "grafana" / f"{name}.json": json.dumps(board, indent=1) + "\n"
            for name, board in boards.items()
        },
        FOLDER / "prometheus" / "alerts.yaml": rules_file(),
        FOLDER / "METRICS.md": table(),
    }


def main() -> None:
    """Writes them."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
