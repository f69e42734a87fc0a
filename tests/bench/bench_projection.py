"""How fast the log gets into PostgreSQL, beside COPY of the same rows into the same tables: `make bench-projection` (ONHAND_BASKETS=20000).

The recorder reads movements, stock and channel quantities from Kafka, each topic alone, and records them as in the product: decoded, looked for,
sealed, in transactions of at most so many records (`RECORDS_MAX`) that hold the offset too. COPY has the very rows that came of it, as text in memory, and
the same indexes: once all in one transaction, which is the limit, and once in transactions of so many rows. With every basket promised or not,
at 20,000 or more the figure must be there; with fewer it is only said.
"""

from __future__ import annotations

import os
import sys

import psycopg
from rich.console import Console
from rich.table import Table

from deploy.kafka import version
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK
from streams.recorder import RECORDS_MAX

BASKETS, WHOLE = int(os.environ.get("ONHAND_BASKETS", "20000")), 20_000
PARTITIONS, LEAST, WITHIN = 4, 0.3, 3_600.0
TABLES = {MOVEMENTS.name: "movements", STOCK.name: "stock", CHANNEL_QUANTITIES.name: "channel_quantities"}
Found = dict[str, dict[str, float]]


def test_recording_beside_copy(kafka, prefix, databases, run):
    written = run("projection_log.py", kafka, prefix, str(PARTITIONS), str(BASKETS), within=WITHIN)
    found: dict[str, Found] = {}
    for topic, table in TABLES.items():
        arguments = kafka, f"{prefix}{topic}.", str(PARTITIONS)
        with databases() as dsn:
            recorded = run("projection_onhand.py", *arguments, dsn, topic, "0", within=WITHIN)
            assert recorded["records"] == written[topic]
            assert rows(dsn, table) == written[topic]
            found[topic] = {
                "onhand": recorded,
                "copy": run("projection_copy.py", dsn, table, "0", within=WITHIN),
                "copies": run("projection_copy.py", dsn, table, str(RECORDS_MAX), within=WITHIN),
            }
            assert found[topic]["copy"]["rows"] == written[topic]
    with databases() as dsn:
        arguments = kafka, f"{prefix}{MOVEMENTS.name}.", str(PARTITIONS)
        beside = run("projection_onhand.py", *arguments, dsn, MOVEMENTS.name, "1", within=WITHIN)
    ratio = show(found, beside)
    if BASKETS >= WHOLE:
        assert ratio >= LEAST


def rows(dsn: str, table: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert found is not None
    return int(found[0])


def show(found: dict[str, Found], beside: dict[str, float]) -> float:
    """Prints the table. Returns how much of COPY's rate the recorder reaches with all rows."""
    table = Table(
        title=f"rows into PostgreSQL, with its indexes; Kafka {version()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        caption=f"rows a second; recorder: from the log, at most {RECORDS_MAX:,} records in a transaction; COPY: of the same rows",
    )
    columns = (
        "rows of",
        "rows",
        "recorder",
        "its CPU s",
        "COPY",
        f"COPY by {RECORDS_MAX:,}",
        "ratio",
        f"to that by {RECORDS_MAX:,}",
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "rows of" else "right")
    sums = {
        name: sum(its[name]["seconds"] for its in found.values()) for name in ("onhand", "copy", "copies")
    }
    count = sum(its["copy"]["rows"] for its in found.values())
    cpu = sum(its["onhand"]["cpu"] for its in found.values())
    for topic, its in found.items():
        seconds = {name: one["seconds"] for name, one in its.items()}
        table.add_row(topic, *cells(its["copy"]["rows"], seconds, its["onhand"]["cpu"]))
    table.add_row("all", *cells(count, sums, cpu))
    seconds = {
        "onhand": beside["seconds"],
        **{name: found[MOVEMENTS.name][name]["seconds"] for name in ("copy", "copies")},
    }
    table.add_row("movements, blocks built beside", *cells(beside["records"], seconds, beside["cpu"]))
    console = Console(width=130)
    console.print(table)
    ratio = sums["copy"] / sums["onhand"]
    verdict = "reached" if ratio >= LEAST else "not reached"
    console.print(f"{ratio:.2f} of COPY, at least {LEAST:g}: {verdict}", highlight=False)
    return ratio


def cells(count: float, seconds: dict[str, float], cpu: float) -> list[str]:
    rates = {name: count / one for name, one in seconds.items()}
    ratios = [f"{rates['onhand'] / rates[name]:.2f}" for name in ("copy", "copies")]
    mine = f"{rates['onhand']:,.0f}", f"{cpu:.1f}"
    return [f"{count:,.0f}", *mine, f"{rates['copy']:,.0f}", f"{rates['copies']:,.0f}", *ratios]
