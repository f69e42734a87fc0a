"""Counts what the table in `schemas.metrics` names, and shows it as Prometheus reads it.

Most is not counted but looked at when somebody asks: a stage knows anyway what it used, and where it stands.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from schemas.metrics import BUILD, METRICS, Metric

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
"""The text format of Prometheus, which everybody reads."""


class Sample(NamedTuple):
    """A value, by its labels in the order of its metric."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


Source = Callable[[], Iterable[Sample]]
"""Where samples come from, when somebody asks. It must not wait for anything."""


class Meters:
    """The metrics of one process. Nothing is global: a test may have as many as it likes."""

    def __init__(self, part: str, table: Sequence[Metric] = METRICS) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each series began: twice the series, for nobody
        self.part = part
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._counters = {
            one.name: Counter(one.name, one.help, one.labels, registry=None)
            for one in table
            if one.kind == "counter"
        }
        self._histograms = {
            one.name: Histogram(one.name, one.help, one.labels, buckets=one.buckets, registry=self._registry)
            for one in table
            if one.kind == "histogram"
        }
        self._table = {one.name: one for one in table}
        self._sources: list[Source] = [self._build]
        self._registry.register(self)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Counts something that happened."""
        counter = self._counters[metric.name]
        (counter.labels(*labels) if labels else counter).inc(by)

    def begin(self, metric: Metric, *labels: str) -> None:
        """Shows a counter at zero: the first of what it counts is news then, and not where the counting began."""
        self.count(metric, *labels, by=0)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Puts a value to a histogram."""
        histogram = self._histograms[metric.name]
        (histogram.labels(*labels) if labels else histogram).observe(value)

    def look(self, *sources: Source) -> None:
        """Takes what some sources say, whenever somebody asks."""
        self._sources += sources

    def exposition(self) -> bytes:
        """Everything, in the format `MEDIA`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Family]:
        """What is looked at, and what was counted: one family for each metric of the table. The library asks this."""
        found: dict[str, Family] = {}
        for name, its in self._table.items():
            if its.kind == "gauge":
                found[name] = GaugeMetricFamily(name, its.help, labels=its.labels)
            elif its.kind == "counter":
                found[name] = CounterMetricFamily(name, its.help, labels=its.labels)
        for name, counter in self._counters.items():
            for family in counter.collect():
                found[name].samples.extend(family.samples)
        for source in self._sources:
            for metric, labels, value in source():
                found[metric.name].add_metric(labels, value)  # type: ignore[attr-defined]  # both kinds of family have it
        return found.values()

    def _build(self) -> Iterable[Sample]:
        yield Sample(BUILD, (self.part, version("onhand"), platform.python_version()), 1)
