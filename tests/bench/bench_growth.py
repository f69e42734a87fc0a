"""What an event and a key cost when there are many keys: `make bench-growth` (ONHAND_KEYS=10000,300000,3000000 ONHAND_EVENTS=200000).

A changelog of so many SKUs is restored by the ledger worker as shipped; then it folds as many sales, of SKUs drawn uniformly, whatever their
number. An event's cost is the worker's CPU, from the first chunk at hand to the last acknowledgement. A key's memory is by how much more is
resident once the table is restored than with the fewest keys, less, for the store in memory, the bytes of key and value themselves; of
RocksDB, whose bytes are on disk, all of it counts. Beside that stand how many records are written for each event (of few keys several events of
a chunk are one's, whose stock and numbers are written once), and what a key takes beyond its share once it was sold: its state stands decoded
in memory then. Where 3,000,000 keys are among those asked for, the figures must be there.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table

from deploy.kafka import version

KEYS = sorted(int(keys) for keys in os.environ.get("ONHAND_KEYS", "10000,300000,3000000").split(","))
EVENTS = int(os.environ.get("ONHAND_EVENTS", "200000"))
PARTITIONS, WITHIN, WHOLE = 4, 3_600.0, 3_000_000
STORES = ("memory", "rocksdict")
WITHIN_PERCENT, MOST_BYTES = 25.0, 400.0
Found = dict[str, dict[int, dict[str, float]]]


def test_growth(kafka, prefix, tmp_path, run):
    found: Found = {store: {} for store in STORES}
    own = 0.0
    for keys in KEYS:
        its = f"{prefix}{keys}."
        arguments = kafka, its, str(PARTITIONS)
        own = run("growth_log.py", "keys", *arguments, str(keys), within=WITHIN)["bytes"]
        for number, store in enumerate(STORES):
            sales = str(EVENTS), str(number * EVENTS), store
            run("growth_log.py", "sales", *arguments, str(keys), *sales, within=WITHIN)
            folder = str(tmp_path / f"{keys}-{store}")
            one = run("growth_onhand.py", *arguments, folder, store, store, within=WITHIN)
            assert one["restored"] >= keys
            found[store][keys] = one
    missed = show(found, own)
    assert not missed or KEYS[-1] < WHOLE, missed


def bytes_a_key(its: dict[int, dict[str, float]], keys: int, own: float) -> float:
    """Bytes that are resident for each key more than with the fewest keys."""
    fewest = KEYS[0]
    return (its[keys]["held"] - its[fewest]["held"]) / (keys - fewest) - own if keys > fewest else 0.0


def touched(one: dict[str, float], keys: int) -> float:
    """Bytes that are resident for each key that was sold more than before it was: its state stands decoded in memory then, and its numbers."""
    return (one["after"] - one["held"]) / (keys * (1 - (1 - 1 / keys) ** EVENTS))


def show(found: Found, own: float) -> list[str]:
    table = Table(
        title=f"{EVENTS:,} sales of uniformly drawn SKUs; Kafka {version()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        caption=f"CPU and records written: for each event; a key and its value have {own:.0f} bytes; bytes a key: resident beyond those of the fewest keys, and in memory beyond its own",
    )
    columns = (
        "store",
        "keys",
        "events/s",
        "CPU us",
        "to the fewest",
        "written",
        "MB restored",
        "MB after",
        "bytes a key",
        "of one sold",
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "store" else "right")
    missed = []
    for store, its in found.items():
        fewest = its[KEYS[0]]
        for keys, one in its.items():
            more = (one["cpu"] / fewest["cpu"] - 1) * 100
            each = bytes_a_key(its, keys, own if store == "memory" else 0.0)
            costs = (
                f"{EVENTS / one['seconds']:,.0f}",
                f"{one['cpu'] / EVENTS * 1e6:.1f}",
                f"{more:+.0f} %",
                f"{one['written'] / EVENTS:.2f}",
            )
            holds = (
                f"{one['held'] / 2**20:,.0f}",
                f"{one['after'] / 2**20:,.0f}",
                f"{each:,.0f}",
                f"{touched(one, keys):,.0f}",
            )
            table.add_row(store, f"{keys:,}", *costs, *holds)
            if abs(more) > WITHIN_PERCENT:
                missed.append(f"{store}, {keys:,} keys: an event costs {more:+.0f} %")
            if each > MOST_BYTES:
                missed.append(f"{store}, {keys:,} keys: {each:,.0f} bytes a key")
    console = Console(width=130)
    console.print(table)
    said = "reached" if not missed else f"not reached: {'; '.join(missed)}"
    console.print(
        f"an event's cost within {WITHIN_PERCENT:g} %, at most {MOST_BYTES:g} bytes a key: {said}",
        highlight=False,
    )
    return missed
