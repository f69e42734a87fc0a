"""What is measured of an installation: one table, from which the exposition, the dashboards, the alerts' test and the documentation follow.

Names are Prometheus' own custom: a unit at the end, `_total` after what only grows, seconds and bytes. No label ever holds a SKU, a
reference, an address or anything personal: every label has few values, which the configuration or the code names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: of requests."""

WAY = (0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0)
"""Seconds: of a number on its way to a platform, which may ask to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `unit` is what it counts, `subject` what it is about (a row of the dashboard), `help` what it says. `buckets` are those of
    a histogram. `joined` is which of several processes' values of a gauge is the one to look at: what is worst.
    """

    name: str
    kind: Kind
    unit: str
    subject: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    joined: Literal["max", "min"] = "max"

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which it can be asked for."""
        if self.kind != "histogram":
            return (self.name,)
        return tuple(f"{self.name}{part}" for part in ("_bucket", "_sum", "_count"))


BUILD = Metric(
    name="onhand_build_info",
    kind="gauge",
    unit="always 1",
    subject="health",
    help="Which version runs as what: `part` is serve or worker.",
    labels=("part", "version", "python"),
)
CHECK = Metric(
    name="onhand_check_ok",
    kind="gauge",
    unit="1 or 0",
    subject="health",
    help="Whether a check of /readyz holds.",
    labels=("part", "check"),
    joined="min",
)
READY = Metric(
    name="onhand_ready",
    kind="gauge",
    unit="1 or 0",
    subject="health",
    help="Whether /readyz says 200: all the checks that this process needs hold.",
    labels=("part",),
    joined="min",
)
DISK = Metric(
    name="onhand_data_free_bytes",
    kind="gauge",
    unit="bytes",
    subject="health",
    help="What is free where the installation keeps its files (`data` in onhand.toml).",
    labels=("part",),
    joined="min",
)
DISK_SIZE = Metric(
    name="onhand_data_size_bytes",
    kind="gauge",
    unit="bytes",
    subject="health",
    help="How large the file system is that has the installation's files.",
    labels=("part",),
    joined="min",
)

LAG = Metric(
    name="onhand_lag_records",
    kind="gauge",
    unit="records",
    subject="lag",
    help="Records of a partition that a stage, or the recorder (`record`), has not taken in.",
    labels=("stage", "topic", "partition"),
)
AGE = Metric(
    name="onhand_lag_seconds",
    kind="gauge",
    unit="seconds",
    subject="lag",
    help="For how long the oldest record that a stage has not taken in has been waiting; of `settle` that is the oldest unsettled claim.",
    labels=("stage", "topic", "partition"),
)
LOG = Metric(
    name="onhand_log_end",
    kind="gauge",
    unit="records",
    subject="lag",
    help="Where a topic ends: the sum of its partitions' next offsets. It grows by what is written.",
    labels=("topic",),
)

TAKEN = Metric(
    name="onhand_stage_taken_total",
    kind="counter",
    unit="records",
    subject="stages",
    help="Records that a stage has folded since its worker started.",
    labels=("stage",),
)
OUTCOMES = Metric(
    name="onhand_stage_outcomes_total",
    kind="counter",
    unit="records",
    subject="stages",
    help="What became of them: `used` made something, `unused` is a no-op or a repeat, `dead` a dead letter. The three add up to what was taken.",
    labels=("stage", "outcome"),
)
CHUNKS = Metric(
    name="onhand_stage_chunks_total",
    kind="counter",
    unit="chunks",
    subject="stages",
    help="Chunks that a stage has written with all that followed from them.",
    labels=("stage",),
)
WRITTEN = Metric(
    name="onhand_written_total",
    kind="counter",
    unit="records",
    subject="stages",
    help="Records that this process wrote to a topic and that Kafka has acknowledged.",
    labels=("topic",),
)

INTAKE = Metric(
    name="onhand_intake_total",
    kind="counter",
    unit="documents",
    subject="intake",
    help="What came in, by where and how it ended: `claim`, `observation` or `dead-letter` is in the log; anything else is why a call was"
    " refused, whole, by the name of its problem. A channel that is not configured has no name.",
    labels=("channel", "way", "outcome"),
)
REQUESTS = Metric(
    name="onhand_request_seconds",
    kind="histogram",
    unit="seconds",
    subject="requests",
    help="How long requests took, by the route's template; an address that no route has is `none`.",
    labels=("method", "route", "status"),
    buckets=QUICK,
)

PUSHES = Metric(
    name="onhand_pushes_total",
    kind="counter",
    unit="numbers",
    subject="channels",
    help="Answers of platforms to numbers they were told, by outcome.",
    labels=("channel", "outcome"),
)
PUSHED = Metric(
    name="onhand_push_seconds",
    kind="histogram",
    unit="seconds",
    subject="channels",
    help="From a SKU's new number in the log to the platform's answer.",
    labels=("channel",),
    buckets=WAY,
)
SLOWED = Metric(
    name="onhand_slowed_total",
    kind="counter",
    unit="answers",
    subject="channels",
    help="How often a platform asked a push or a poll of this process to wait (HTTP 429, or its own word for it).",
    labels=("channel",),
)
UNPUSHED = Metric(
    name="onhand_unpushed_numbers",
    kind="gauge",
    unit="numbers",
    subject="channels",
    help="SKUs whose number a channel's platform still has to be told.",
    labels=("channel",),
)
OLDEST_UNPUSHED = Metric(
    name="onhand_oldest_unpushed_seconds",
    kind="gauge",
    unit="seconds",
    subject="channels",
    help="For how long the oldest number that a platform does not show yet has been waiting; 0: none is.",
    labels=("channel",),
)
FAILING = Metric(
    name="onhand_channel_failing_seconds",
    kind="gauge",
    unit="seconds",
    subject="channels",
    help="For how long a channel's platform could not be told anything; 0: it can.",
    labels=("channel",),
)

OVERSELLS = Metric(
    name="onhand_oversells",
    kind="gauge",
    unit="oversells",
    subject="truth",
    help="Oversells of the whole history, by cause.",
    labels=("cause",),
)
DRIFT = Metric(
    name="onhand_drift_cells",
    kind="gauge",
    unit="cells",
    subject="truth",
    help="Levels of a platform that were not what they should be when it was last compared, by cause (see `onhand reconcile`).",
    labels=("channel", "cause"),
)
LETTERS = Metric(
    name="onhand_dead_letters_waiting",
    kind="gauge",
    unit="dead letters",
    subject="truth",
    help="Dead letters that nobody has retried, by the stage that refused.",
    labels=("stage",),
)
VERIFIED = Metric(
    name="onhand_verified_timestamp_seconds",
    kind="gauge",
    unit="Unix seconds",
    subject="truth",
    help="When `onhand verify` last ended.",
)
VERIFY_OK = Metric(
    name="onhand_verify_ok",
    kind="gauge",
    unit="1 or 0",
    subject="truth",
    help="Whether it found no difference.",
    joined="min",
)
VERIFY_FOUND = Metric(
    name="onhand_verify_differences",
    kind="gauge",
    unit="differences",
    subject="truth",
    help="How many differences it found.",
)

METRICS: tuple[Metric, ...] = (
    *(BUILD, READY, CHECK, DISK, DISK_SIZE),
    *(LAG, AGE, LOG),
    *(TAKEN, OUTCOMES, CHUNKS, WRITTEN),
    *(INTAKE, REQUESTS),
    *(UNPUSHED, OLDEST_UNPUSHED, FAILING, PUSHES, PUSHED, SLOWED),
    *(OVERSELLS, DRIFT, LETTERS, VERIFIED, VERIFY_OK, VERIFY_FOUND),
)
"""All of them. What is not here is not exposed."""
