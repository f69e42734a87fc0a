"""The table of what is measured."""

from __future__ import annotations

import re

import pytest

from schemas.metrics import METRICS

NAMES_SOMEBODY = {
    "sku",
    "ref",
    "transaction",
    "document",
    "customer",
    "email",
    "path",
    "url",
    "key",
    "movement",
}
"""What would make a series of each SKU, deal or person."""


@pytest.mark.parametrize("metric", METRICS, ids=lambda one: one.name)
def test_given_a_metric_then_its_name_says_its_unit_and_its_labels_have_few_values(metric):
    assert re.fullmatch(r"onhand_[a-z]+(_[a-z]+)*", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.unit != "seconds" or metric.name.endswith("_seconds")
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    assert not NAMES_SOMEBODY & set(metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert sorted(set(metric.buckets)) == list(metric.buckets)


def test_given_all_metrics_then_no_series_has_two_meanings():
    names = [name for metric in METRICS for name in metric.series]
    assert len(set(names)) == len(names)
