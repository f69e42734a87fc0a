"""Plays one retailer's day on four selling platforms, an ERP, a 3PL and a shipping tool, and compares who says what: `make day`.

Every platform is its sandbox, over real sockets and files; the hub is the product, on real engines: a worker, the server that
takes webhooks and polls, the sinks. `retail.py` says who keeps what. 2 % of the webhooks are lost, 10 % come twice, all
come in an order of chance within an hour of the day. In the end every channel is polled once (`onhand poll`), and the oracle,
the ledger and every platform must show the same of every SKU at every place.

`--transactions`, `--seed`, `--rate` (deals a second), `--only WORD,WORD` (flows whose name has one of them), `--mixed` (all flows share all
SKUs), `--json FILE`, `--keep` (the folder with the logs).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playing import FLOWS, Day
from rich.console import Console
from rich.table import Table

from deploy.engines import remove

SHOWN_MAX = 40
"""Differences that are printed one by one."""


def main() -> int:
    """The command line."""
    options = _options()
    flows = [flow for flow in FLOWS if any(word in flow.name for word in options.only.split(","))]
    if not flows:
        sys.stderr.write(f"no flow has {options.only!r} in its name\n")
        return 2
    data = Path(tempfile.mkdtemp(prefix="onhand-day-"))
    data.chmod(0o755)
    day = Day(options.transactions, options.seed, options.rate, flows, options.mixed, data)
    try:
        found = asyncio.run(day.run())
    finally:
        remove(data / "engines")
        if options.keep:
            sys.stderr.write(f"kept: {data}\n")
        else:
            shutil.rmtree(data, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, default=str) + "\n")
    console = Console(width=None if sys.stdout.isatty() else 140)
    table(console, found)
    return 0 if agreed(found) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--transactions", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=8.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def agreed(found: Mapping[str, Any]) -> bool:
    """Whether all three say the same, nothing was refused or left over, and no limit was broken."""
    broken = sum(limit["broken"] for limit in found["limits"].values())
    wrong = found["differences"], found["failed"], found["dead_letters"], found["late"]
    return not any(wrong) and not broken and found["verify"]["ok"]


def table(console: Console, found: Mapping[str, Any]) -> None:
    """What came of the day, for a person."""
    for one in found["differences"][:SHOWN_MAX]:
        told = "{who}: {what} of {sku} at {place} is {found}, should be {due} ({flow})".format(**one)
        console.print(f"  {told}", highlight=False)
    for name, (times, why) in found["failed"].items():
        console.print(f"  {name}: {times} deals could not be played: {why}", highlight=False)
    for letter in found["dead_letters"][:SHOWN_MAX]:
        console.print(f"  dead letter: {letter}", highlight=False)
    shown = Table(title="The four-platform day", show_header=False)
    for name, said in _rows(found):
        shown.add_row(name, said)
    console.print(shown)


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    wrong, limits = found["differences"], found["limits"]
    hooks = [sum(column) for column in zip(*found["webhooks"].values(), strict=True)]
    yield "transactions", f"{found['transactions']}, of {len(found['played'])} flows, seed {found['seed']}"
    yield "webhooks", "accepted {}, lost {}, repeated {}, refused {}".format(*hooks)
    yield "requests", _listed({name: limit["asked"] for name, limit in limits.items()})
    yield "limits broken", _listed({name: limit["broken"] for name, limit in limits.items()})
    yield "cells", str(found["cells"])
    yield "ledger", _differing(Counter(one["flow"] for one in wrong if one["who"] == "ledger"))
    for name in found["limits"]:
        yield f"{name} shows", _differing(Counter(one["flow"] for one in wrong if one["who"] == name))
    yield "not settled", found["late"] or "nothing"
    yield "dead letters", str(len(found["dead_letters"]))
    yield "verify", f"{'ok' if found['verify']['ok'] else 'differs'}, {found['verify']['keys']} keys"
    yield "seconds", str(found["seconds"])
    yield "everybody agrees", "yes" if agreed(found) else "no"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items() if number) or "none"


def _differing(counts: Mapping[str, int]) -> str:
    return "as the oracle says" if not counts else f"differs: {_listed(counts)}"


if __name__ == "__main__":
    sys.exit(main())
