"""What Prometheus reads of a process."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.metrics import BUILD, INTAKE, LAG, METRICS, OUTCOMES, PUSHED, TAKEN
from streams.metering import Meters, Sample


def read(meters):
    """The samples that somebody reads who knows the format, and the kind of each family."""
    families = list(text_string_to_metric_families(meters.exposition().decode()))
    samples = {
        (one.name, tuple(sorted(one.labels.items()))): one.value for its in families for one in its.samples
    }
    return samples, {its.name: its.type for its in families}


def test_given_any_process_then_it_shows_all_of_the_table_as_the_table_has_it_and_nothing_else_of_ours():
    _, kinds = read(Meters("serve"))
    shown = {name: kind for name, kind in kinds.items() if name.startswith("onhand_")}
    assert shown == {metric.name.removesuffix("_total"): metric.kind for metric in METRICS}


def test_given_things_happen_then_they_are_counted_and_what_is_looked_at_is_asked_for_anew():
    meters, behind = Meters("worker"), [3]
    meters.look(lambda: [Sample(LAG, ("settle", "claims", "0"), behind[0])])
    meters.look(lambda: [Sample(TAKEN, ("settle",), 9), Sample(OUTCOMES, ("settle", "used"), 9)])
    meters.count(INTAKE, "web", "webhook", "claim")
    meters.count(INTAKE, "web", "webhook", "claim", by=2)
    meters.observe(PUSHED, 0.12, "tills")
    lag = ("onhand_lag_records", (("partition", "0"), ("stage", "settle"), ("topic", "claims")))
    assert read(meters)[0][lag] == 3
    behind[0] = 0
    samples, _ = read(meters)
    assert samples[lag] == 0
    labels = (("channel", "web"), ("outcome", "claim"), ("way", "webhook"))
    assert samples["onhand_intake_total", labels] == 3
    assert samples["onhand_stage_taken_total", (("stage", "settle"),)] == 9
    assert samples["onhand_push_seconds_bucket", (("channel", "tills"), ("le", "0.1"))] == 0
    assert samples["onhand_push_seconds_bucket", (("channel", "tills"), ("le", "0.15"))] == 1
    assert [key for key in samples if key[0] == BUILD.name]


def test_given_a_label_with_quotes_and_lines_then_it_stays_one_label():
    meters = Meters("serve")
    meters.count(INTAKE, 'a"b\n# HELP c\\', "webhook", "claim")
    assert [
        dict(labels)["channel"] for (name, labels) in read(meters)[0] if name == "onhand_intake_total"
    ] == ['a"b\n# HELP c\\']


def test_given_two_processes_in_one_then_neither_counts_for_the_other():
    one, other = Meters("serve"), Meters("worker")
    one.count(INTAKE, "web", "webhook", "claim")
    assert [name for name, _ in read(other)[0] if name == "onhand_intake_total"] == []


def test_given_labels_that_the_table_does_not_have_then_it_is_our_fault_at_once():
    with pytest.raises(ValueError, match="label"):
        Meters("serve").count(INTAKE, "web")
