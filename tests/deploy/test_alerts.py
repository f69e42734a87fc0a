"""The alert rules: whom they point at, and, where Prometheus' own `promtool` is installed, when they stand and when not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from deploy.alerts import RULES, RUNBOOK, rules_file
from deploy.dashboards import FOLDER

ALERTS = FOLDER / "prometheus" / "alerts.yaml"
PROMTOOL = shutil.which("promtool")

CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ProcessDown": ({'up{job="onhand"}': "0x60"}, {'up{job="onhand"}': "1x60"}),
    "NotReady": ({'onhand_ready{part="serve"}': "0x60"}, {'onhand_ready{part="serve"}': "0 1x60"}),
    "WorkersUnwell": (
        {'onhand_check_ok{part="serve",check="workers"}': "0x60"},
        {'onhand_check_ok{part="serve",check="workers"}': "1x60"},
    ),
    "StageBehind": (
        {'onhand_lag_seconds{stage="settle",partition="1"}': "0 61x60"},
        {
            'onhand_lag_seconds{stage="settle",partition="1"}': "59x60",
            'onhand_lag_seconds{stage="record"}': "100x60",
        },
    ),
    "RecorderBehind": (
        {'onhand_lag_seconds{stage="record"}': "121x60"},
        {'onhand_lag_seconds{stage="settle"}': "121x60"},
    ),
    "NumbersWait": (
        {'onhand_oldest_unpushed_seconds{channel="web"}': "0+60x120"},
        {'onhand_oldest_unpushed_seconds{channel="web"}': "600x60"},
    ),
    "ChannelFailing": (
        {'onhand_channel_failing_seconds{channel="web"}': "301x60"},
        {'onhand_channel_failing_seconds{channel="web"}': "0x60"},
    ),
    "PlatformSlowsUs": (
        {'onhand_slowed_total{channel="web"}': "0+5x120"},
        {'onhand_slowed_total{channel="web"}': "0+1x120"},
    ),
    "DeadLettersWait": (
        {
            'onhand_dead_letters_waiting{stage="mapping"}': "6x60",
            'onhand_dead_letters_waiting{stage="settle"}': "5x60",
        },
        {
            'onhand_dead_letters_waiting{stage="mapping",instance="a"}': "6x60",
            'onhand_dead_letters_waiting{stage="mapping",instance="b"}': "6x60",
        },
    ),
    "DeadLettersComeFast": (
        {'onhand_stage_outcomes_total{stage="settle",outcome="dead"}': "0+10x60"},
        {'onhand_stage_outcomes_total{stage="settle",outcome="unused"}': "0+900x60"},
    ),
    "WebhooksForged": (
        {'onhand_intake_total{channel="web",outcome="signature-not-accepted"}': "0+5x60"},
        {'onhand_intake_total{channel="web",outcome="claim"}': "0+500x60"},
    ),
    "IntakeRefused": (
        {'onhand_intake_total{channel="web",outcome="the-log-is-not-reachable"}': "0+5x60"},
        {'onhand_intake_total{channel="web",outcome="malformed-body"}': "0+5x60"},
    ),
    "OversellsMore": (
        {'onhand_oversells{cause="latency"}': "0x70 6x50"},
        {'onhand_oversells{cause="latency"}': "6x120", 'onhand_oversells{cause="rule"}': "0x70 5x50"},
    ),
    "PlatformDrifts": (
        {
            'onhand_drift_cells{channel="web",cause="hand_edit"}': "6x60",
            'onhand_drift_cells{channel="web",cause="unexplained"}': "5x60",
        },
        {'onhand_drift_cells{channel="web",cause="in_flight"}': "60x60"},
    ),
    "VerifyFailed": ({"onhand_verify_ok": "0x60"}, {"onhand_verify_ok": "1x60"}),
    "VerifyOld": (
        {"onhand_verified_timestamp_seconds": "-130000x120"},
        {"onhand_verified_timestamp_seconds": "0x120"},
    ),
    "RequestsFail": (
        {
            'onhand_request_seconds_count{status="5xx"}': "0+3x60",
            'onhand_request_seconds_count{status="2xx"}': "0+97x60",
        },
        {
            'onhand_request_seconds_count{status="5xx"}': "0+1x60",
            'onhand_request_seconds_count{status="2xx"}': "0+99x60",
        },
    ),
    "RequestsSlow": (
        {
            'onhand_request_seconds_bucket{route="/v1/stock/{sku}",le="1.0"}': "0+90x60",
            'onhand_request_seconds_bucket{route="/v1/stock/{sku}",le="2.5"}': "0+100x60",
            'onhand_request_seconds_bucket{route="/v1/stock/{sku}",le="+Inf"}': "0+100x60",
        },
        {
            'onhand_request_seconds_bucket{route="/v1/stock/{sku}",le="1.0"}': "0+100x60",
            'onhand_request_seconds_bucket{route="/v1/stock/{sku}",le="+Inf"}': "0+100x60",
        },
    ),
    "DiskFull": (
        {'onhand_data_free_bytes{part="serve"}': "9x60", 'onhand_data_size_bytes{part="serve"}': "100x60"},
        {'onhand_data_free_bytes{part="serve"}': "11x60", 'onhand_data_size_bytes{part="serve"}': "100x60"},
    ),
}
"""By rule: series (a value each minute) under which it must stand after some time, and others under which it must not."""


def test_given_the_rules_then_each_has_a_name_of_its_own_a_runbook_and_a_case_when_it_stands():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert {rule.name for rule in RULES} == CASES.keys()
    for rule in RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.anchor)
        assert f"runbook: '{RUNBOOK}#{rule.anchor}'" in rules_file()


def stands(name: str, series: dict[str, str], tmp_path, minutes: int = 119) -> set[str]:
    """Which of its alerts Prometheus itself raises then, with these series."""
    said = tmp_path / f"{name}.json"
    test = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": values} for one, values in series.items()],
                "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": name, "exp_alerts": []}],
            }
        ],
    }
    said.write_text(json.dumps(test))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", said], capture_output=True, text=True, check=False, timeout=60
    )
    assert "got:" in done.stderr + done.stdout or done.returncode == 0, done.stderr + done.stdout
    return set() if done.returncode == 0 else {name}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)")
@pytest.mark.parametrize("name", CASES)
def test_given_series_then_prometheus_itself_raises_the_alert_and_under_others_it_does_not(name, tmp_path):
    bad, good = CASES[name]
    assert stands(name, longer(bad), tmp_path) == {name}
    assert stands(name, longer(good), tmp_path) == set()


def longer(series: dict[str, str]) -> dict[str, str]:
    """The same for two hours: a last value that is repeated is repeated until then."""
    return {name: re.sub(r"x\d+$", lambda _: "x120", values) for name, values in series.items()}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)")
def test_given_the_files_then_prometheus_itself_can_read_them():
    for command in (
        ("check", "rules", str(ALERTS)),
        ("check", "config", "--syntax-only", str(FOLDER / "prometheus" / "scrape.yaml")),
    ):
        done = subprocess.run([PROMTOOL, *command], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr + done.stdout
