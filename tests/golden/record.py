"""Records the golden log of this release: `make golden`.

A hub on the example's files runs for a moment, on real engines: a shop and two stores trade, reservations are made and end, somebody
sells more than there is, sends what nobody knows, changes the rules; and the invented retailer of the simulator tells its deals of every
kind, late, twice and out of order. What `onhand backup` makes of that is the golden log, and every later release has to restore it
and to fold it to the same bytes; with it are kept the schemas that the release published, which every later one must be compatible with.
It is recorded once for each release, and never again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RELEASES = HERE / "releases"
sys.path[:0] = [str(HERE.parent / "system"), str(HERE.parent / "simulator"), str(HERE.parents[1])]

from conftest import EXAMPLE, Up  # noqa: E402  # found by the lines above
from world import world  # noqa: E402  # as above

from deploy.engines import remove, running  # noqa: E402
from schemas.claims import Claim, Observation  # noqa: E402
from schemas.codec import encode, headers  # noqa: E402
from schemas.granting import asking  # noqa: E402
from schemas.publish import PUBLISHED  # noqa: E402
from schemas.topics import MOVEMENTS, OBSERVATIONS  # noqa: E402
from streams.stages import Naming, claim_out  # noqa: E402
from streams.writer import Out, Writer  # noqa: E402

PARTITIONS = 2
SEED, INPUTS = 4, 600
SIZE_MAX = 1_000_000
"""Bytes that a release's log may have in the repository."""


def configured(text: str) -> str:
    """The example, with few partitions: each is a file."""
    return text + f"\n[kafka]\npartitions = {PARTITIONS}\n"


def order(up: Up, number: int, sku: str, units: int, **more: Any) -> None:
    """A web order."""
    line = {
        "id": number * 10,
        "sku": sku,
        "quantity": units,
        "current_quantity": units,
        "fulfillable_quantity": units,
    }
    document = json.loads((EXAMPLE / "order.json").read_text()) | {"id": number, "name": f"#{number}"} | more
    document["line_items"][0] |= line
    assert up.webhook(document) == 200


def trade(up: Up) -> None:
    """A day in the shop and the stores."""
    up.run("import", "tills")
    up.until(lambda: up.available("TEE-BLACK-M", "SOHO") == 12)
    for number, (sku, units) in enumerate(
        [("TEE-BLACK-M", 2), ("MUG-WHITE", 3), ("GIFT-SET", 2), ("NOBODY-KNOWS-IT", 1)]
    ):
        order(up, 1001 + number, sku, units)
    up.webhook({"id": 1, "line_items": "none"})
    token = {"Authorization": f"Bearer {up.key}"}

    def asked(method: str, path: str, body: str, **more: str) -> int:
        """The status of a request."""
        return up.ask(method, up.url + path, body.encode(), **token, Content_Type="application/json", **more)[
            0
        ]

    line = '{"lines": [{"sku": "MUG-WHITE", "quantity": %d, "location": "SOHO"}], "channel": "web", "ttl_seconds": 600}'
    for ident, units in (("one", 1), ("two", 2), ("three", 1), ("far-too-many", 500)):
        asked("POST", "/v1/reservations", line % units, Idempotency_Key=ident)
    at = "2026-11-01T09:00:00Z"
    facts = {
        "received": 10,
        "damaged": 1,
        "adjusted_up": 2,
        "adjusted_down": 1,
        "counted": 30,
        "sold": 60,
        "returned": 1,
    }
    for fact, units in facts.items():
        told = {"fact": fact, "sku": "TEE-BLACK-M", "quantity": units, "location": "HARLEM", "at": at}
        up.post(f"own/{fact}", told)
    asked("PATCH", "/v1/rules/web", '{"safety_stock": 2}')
    up.run("reconcile")


async def tell(bootstrap: str) -> None:
    """What the simulator's retailer tells."""
    naming, writer = Naming(), Writer(bootstrap, PARTITIONS)
    await writer.start()
    try:
        now = datetime.now(UTC)
        seen = Observation(
            channel="tills",
            topic="levels",
            sku="TEE-BLACK-M",
            location="SOHO",
            observed_at=now,
            version=1,
            level=9,
        )
        ce = headers(OBSERVATIONS, "levels/1", "tills", now)
        await writer.write([Out(naming(OBSERVATIONS), b"tills|TEE-BLACK-M", encode(seen), ce)])
        for told in world(SEED, INPUTS).heard:
            if isinstance(told, Claim):
                await writer.write([claim_out(naming, told)])
            else:
                now = datetime.now(UTC)
                movement = asking(told, now)
                ce = headers(MOVEMENTS, movement.id, "reservations", now)
                await writer.write([Out(naming(MOVEMENTS), movement.sku.encode(), encode(movement), ce)])
    finally:
        await writer.stop()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RELEASES / version("onhand"))
    out = parser.parse_args().out
    kept = out / "log"
    if kept.exists():
        sys.stderr.write(f"{kept} is there: a release's log is recorded once\n")
        return 2
    data = Path(tempfile.mkdtemp(prefix="onhand-golden-"))
    data.chmod(0o755)
    up = Up(data, configured)
    try:
        up.start()
        trade(up)
        found = running(data / ".onhand" / "engines")
        assert found is not None
        asyncio.run(tell(str(found.bootstrap)))
        verdict = up.run("verify", "--wait", "120")
        assert verdict["ok"], verdict
        up.run("backup", str(kept))
    finally:
        up.stop()
        remove(data / ".onhand" / "engines")
        shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(PUBLISHED, out / "schemas", dirs_exist_ok=True)
    size = sum(file.stat().st_size for file in kept.iterdir())
    sys.stdout.write(f"{out}: {size} bytes\n")
    return 0 if size <= SIZE_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
