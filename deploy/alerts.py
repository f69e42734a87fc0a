"""When somebody is to be called: the rules for Prometheus, as a table. `deploy/prometheus/alerts.yaml` is written from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

RUNBOOK = "deploy/RUNBOOK.md"

HEAD = "# Written by `python -m deploy.dashboards` from deploy/alerts.py: change it there.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An alert: it stands when `expr` has had a value for so long (`lasting`, as Prometheus writes times). `page` wakes somebody, a `ticket`
    waits for the morning.
    """

    name: str
    expr: str
    lasting: str
    severity: Literal["page", "ticket"]
    summary: str

    @property
    def anchor(self) -> str:
        """Its heading in the runbook, as a link: the name's words in lower case with dashes."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", self.name).lower()


RULES: tuple[Rule, ...] = (
    Rule(
        name="ProcessDown",
        expr='up{job=~"onhand.*"} == 0',
        lasting="1m",
        severity="page",
        summary="{{ $labels.instance }} does not answer Prometheus",
    ),
    Rule(
        name="NotReady",
        expr="min by (instance, part) (onhand_ready) == 0",
        lasting="2m",
        severity="page",
        summary="the {{ $labels.part }} at {{ $labels.instance }} is not ready; its /readyz says why",
    ),
    Rule(
        name="WorkersUnwell",
        expr='max(onhand_check_ok{part="serve",check="workers"}) == 0',
        lasting="2m",
        severity="page",
        summary="there is no worker, or one of them is not well: numbers stand still",
    ),
    Rule(
        name="StageBehind",
        expr='max by (stage) (onhand_lag_seconds{stage!="record"}) > 60',
        lasting="2m",
        severity="page",
        summary="{{ $labels.stage }} has not taken in a record for {{ $value }} seconds",
    ),
    Rule(
        name="RecorderBehind",
        expr='max(onhand_lag_seconds{stage="record"}) > 120',
        lasting="2m",
        severity="page",
        summary="questions are answered from what was {{ $value }} seconds ago",
    ),
    Rule(
        name="NumbersWait",
        expr="max by (channel) (onhand_oldest_unpushed_seconds) > 600",
        lasting="1m",
        severity="page",
        summary="{{ $labels.channel }} has not been told a number for {{ $value }} seconds",
    ),
    Rule(
        name="ChannelFailing",
        expr="max by (channel) (onhand_channel_failing_seconds) > 300",
        lasting="1m",
        severity="page",
        summary="the platform of {{ $labels.channel }} cannot be told anything",
    ),
    Rule(
        name="PlatformSlowsUs",
        expr="sum by (channel) (increase(onhand_slowed_total[15m])) > 30",
        lasting="15m",
        severity="ticket",
        summary="the platform of {{ $labels.channel }} asks us to wait (429) again and again",
    ),
    Rule(
        name="DeadLettersWait",
        expr="sum(max by (stage) (onhand_dead_letters_waiting)) > 10",
        lasting="10m",
        severity="ticket",
        summary="{{ $value }} documents were refused and wait to be mended",
    ),
    Rule(
        name="DeadLettersComeFast",
        expr='sum by (stage) (increase(onhand_stage_outcomes_total{outcome="dead"}[5m])) > 20',
        lasting="1m",
        severity="page",
        summary="{{ $labels.stage }} cannot read {{ $value }} records of the last five minutes: this looks like our fault",
    ),
    Rule(
        name="WebhooksForged",
        expr='sum by (channel) (increase(onhand_intake_total{outcome="signature-not-accepted"}[15m])) > 20',
        lasting="1m",
        severity="ticket",
        summary="webhooks for {{ $labels.channel }} have signatures that are not its platform's: a secret was changed, or somebody tries",
    ),
    Rule(
        name="IntakeRefused",
        expr='sum by (channel) (increase(onhand_intake_total{outcome=~"the-log-is-not-reachable|not-ready|the-vault-is-not-reachable"}[5m])) > 5',
        lasting="1m",
        severity="page",
        summary="webhooks of {{ $labels.channel }} are answered with 503; the platform sends them again, but not for ever",
    ),
    Rule(
        name="OversellsMore",
        expr="sum(max by (cause) (onhand_oversells)) - sum(max by (cause) (onhand_oversells offset 1h)) > 5",
        lasting="1m",
        severity="ticket",
        summary="{{ $value }} oversells within an hour",
    ),
    Rule(
        name="PlatformDrifts",
        expr='sum by (channel) (max by (channel, cause) (onhand_drift_cells{cause=~"unexplained|hand_edit|refused|refused_document"})) > 10',
        lasting="5m",
        severity="ticket",
        summary="{{ $value }} levels of {{ $labels.channel }} are not what they should be",
    ),
    Rule(
        name="VerifyFailed",
        expr="max(onhand_verify_ok) == 0",
        lasting="1m",
        severity="page",
        summary="the last verification found differences",
    ),
    Rule(
        name="VerifyOld",
        expr="time() - max(onhand_verified_timestamp_seconds) > 129600 or absent(onhand_verified_timestamp_seconds)",
        lasting="1h",
        severity="ticket",
        summary="nobody has verified the log for a day and a half",
    ),
    Rule(
        name="RequestsFail",
        expr='sum(rate(onhand_request_seconds_count{status="5xx"}[5m])) / sum(rate(onhand_request_seconds_count[5m])) > 0.02',
        lasting="5m",
        severity="page",
        summary="more than 2 % of the requests are answered with 5xx",
    ),
    Rule(
        name="RequestsSlow",
        expr="histogram_quantile(0.99, sum by (le, route) (rate(onhand_request_seconds_bucket[5m]))) > 1",
        lasting="10m",
        severity="ticket",
        summary="{{ $labels.route }} takes {{ $value }} seconds (p99)",
    ),
    Rule(
        name="DiskFull",
        expr="min by (instance) (onhand_data_free_bytes / onhand_data_size_bytes) < 0.1",
        lasting="5m",
        severity="page",
        summary="less than a tenth is free where {{ $labels.instance }} keeps its files",
    ),
)
"""By what is to be looked at first."""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lines() -> Iterator[str]:
    yield HEAD + "groups:"
    yield "  - name: onhand"
    yield "    rules:"
    for rule in RULES:
        yield f"      - alert: {rule.name}"
        yield f"        expr: {_quoted(rule.expr)}"
        yield f"        for: {rule.lasting}"
        yield "        labels:"
        yield f"          severity: {rule.severity}"
        yield "        annotations:"
        yield f"          summary: {_quoted(rule.summary)}"
        yield f"          runbook: {_quoted(f'{RUNBOOK}#{rule.anchor}')}"


def rules_file() -> str:
    """The rules as Prometheus reads them (`rule_files`)."""
    return "\n".join(_lines()) + "\n"
