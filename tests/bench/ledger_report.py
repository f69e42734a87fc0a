"""What `bench_ledger.py` found, as a table, as JSON, and as a chart."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ledger_rivals import YARDSTICK, Rival
from rich.console import Console
from rich.table import Table
from rival_environment import versions

from deploy.kafka import version
from streams.charting import Panel, chart

CAPTION = (
    "from the first batch at hand to the last acknowledgement; broker s: its CPU meanwhile; outputs: records written, and with them the"
    " changelog's; Kafka Streams: its second pass over the movements, the first, while the JVM compiles, is in the JSON"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A competitor's best round over one set: seconds, its own of CPU, and the broker's of CPU meanwhile. All rounds are in `rounds`."""

    name: str
    label: str
    promises: str
    movements: int
    outputs: int
    changes: int
    seconds: float
    cpu_seconds: float
    broker_seconds: float
    megabytes: float
    rounds: list[dict[str, float]]

    @property
    def rate(self) -> float:
        """Movements a second."""
        return self.movements / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Movements for each second of its own CPU: what it would do if the broker cost nothing."""
        return self.movements / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class SetFindings:
    """All competitors over one set that finished. `faults`: who did not, and who came to other units."""

    name: str
    title: str
    movements: int
    keys: int
    findings: Sequence[Finding]
    faults: Sequence[str]

    def ratio(self, finding: Finding) -> float | None:
        """Its rate by the yardstick's, if that finished."""
        return next((finding.rate / one.rate for one in self.findings if one.name == YARDSTICK), None)


def best(rival: Rival, movements: int, rounds: list[dict[str, float]]) -> Finding:
    fastest = min(rounds, key=lambda one: one["seconds"])
    return Finding(
        name=rival.name,
        label=rival.label,
        promises=rival.promises,
        movements=movements,
        outputs=int(fastest["outputs"]),
        changes=int(fastest["changes"]),
        seconds=fastest["seconds"],
        cpu_seconds=fastest["cpu"],
        broker_seconds=fastest["broker"],
        megabytes=fastest["megabytes"],
        rounds=rounds,
    )


def show(found: SetFindings, pinned: bool) -> None:
    where = "a core for each, the broker has the rest" if pinned else "the broker shares the core"
    table = Table(
        title=f"{found.title}: {found.movements:,} movements over {found.keys:,} keys; Kafka {version()},"
        f" {os.cpu_count()} cores ({where}), Python {sys.version.split()[0]}",
        caption=CAPTION,
    )
    for name in ("competitor", "promises"):
        table.add_column(name)
    for name in ("movements/s", "ratio", "per CPU s", "broker s", "MB", "outputs", "changelog"):
        table.add_column(name, justify="right")
    for one in found.findings:
        few = "" if one.movements == found.movements else f" (of {one.movements:,})"
        table.add_row(
            one.label + few,
            one.promises,
            f"{one.rate:,.0f}",
            "" if (ratio := found.ratio(one)) is None else f"{ratio:.2f}",
            f"{one.per_cpu_second:,.0f}",
            f"{one.broker_seconds:,.1f}",
            f"{one.megabytes:,.0f}",
            f"{one.outputs:,}",
            f"{one.changes:,}",
        )
    console = Console(width=160)
    console.print(table)
    for fault in found.faults:
        console.print(f"WRONG {fault}", markup=False)


def write(sets: Sequence[SetFindings], path: Path) -> None:
    """The JSON at `path`, and the chart beside it as `.svg`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    of_all = {
        "kafka": version(),
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "competitors": versions(),
        "sets": [
            {
                **{name: getattr(found, name) for name in ("name", "title", "movements", "keys", "faults")},
                "competitors": [
                    {
                        **asdict(one),
                        "movements_per_second": round(one.rate),
                        "movements_per_cpu_second": round(one.per_cpu_second),
                        "ratio_to_plain": found.ratio(one),
                    }
                    for one in found.findings
                ],
            }
            for found in sets
        ],
    }
    path.write_text(json.dumps(of_all, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".svg").write_text(drawn(sets), encoding="utf-8")


def drawn(sets: Sequence[SetFindings]) -> str:
    """Everybody's bar in every set; none for whoever did not finish."""
    labels = {one.name: one.label for found in sets for one in found.findings}
    rates = [{one.name: one.rate for one in found.findings} for found in sets]
    panels = [
        Panel(
            found.title,
            f"{found.movements:,} movements, {found.keys:,} keys",
            tuple(
                (here.get(name, 0.0), f"{here[name]:,.0f} /s" if name in here else "failed")
                for name in labels
            ),
        )
        for found, here in zip(sets, rates, strict=True)
    ]
    title = "Movements folded to stock a second, on one core, all on the same Kafka in the same run"
    return chart(title, list(labels.values()), panels, label=80)
