"""A business whose journal is in PostgreSQL as the product's own recorder writes it, and an export of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projections.audit.checking import check
from projections.audit.export import Bounds, RulesEvent, export
from projections.audit.manifest import MANIFEST, SIGNATURE, SUMS, File, Manifest, sums
from projections.audit.report import Report
from projections.audit.signing import Signer
from projections.pool import Pool
from projections.recorder import Batch, Recorder
from schemas.claims import DeadLetter
from schemas.codec import encode
from schemas.ledger import Stock, take
from schemas.movements import Cause, Movement
from schemas.oversells import Oversell, OversellCause
from schemas.postings import SIGNED, Kind, Places, legs, reverse
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import DEAD_LETTERS, MOVEMENTS, OVERSELLS, RECEIPTS, STOCK, Topic

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = Signer.read("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
OTHER_KEY = Signer.read("eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=")
ODD = [
    'MUG "large", blue',
    "T\u00c9E\nSHIRT",
    "caf\u00e9\u2028\\",
    "",
    "NULL",
    "C\rR\r\nL",
    "\\.",
    "\u00df",
    "\ufeffBOM",
    "Z",
    "a",
    "\ud55c",
]
"""Names that a careless writer would break, and that a database's own order sorts in another way than bytes."""


@dataclass
class Business:
    """A log of several partitions, folded as the ledger folds it."""

    partitions: int = 2
    journal: dict[int, list[Movement]] = field(default_factory=dict)
    stocks: dict[str, Stock] = field(default_factory=dict)
    counter: int = 0

    def post(
        self,
        kind: Kind,
        units: int,
        sku: str = "TEE",
        *,
        at: datetime | None = None,
        known: datetime | None = None,
        counted: int | None = None,
        posted: Any = None,
        voids: Kind | None = None,
        here: str = "SOHO",
        **more: Any,
    ) -> Movement:
        self.counter += 1
        moment = at or NOON + timedelta(seconds=self.counter, microseconds=self.counter)
        places = {name: more.pop(name) for name in ("there", "transit", "pool") if name in more}
        movement = Movement(
            id=Cause(0, self.counter, 0).movement_id,
            kind=kind,
            sku=sku,
            quantity=units,
            legs=legs(kind, units, Places(here, **places)) if posted is None else posted,
            transaction=f"deal/{self.counter // 3}",
            channel="web",
            document=f"order/{self.counter}",
            occurred_at=moment,
            recorded_at=known or moment,
            cause=Cause(0, self.counter, 0),
            counted=counted,
            voids=voids,
            **more,
        )
        partition = sum(sku.encode()) % self.partitions
        log = self.journal.setdefault(partition, [])
        taken = take(self.stocks.get(sku, Stock(sku=sku)), movement, len(log), partition)
        self.stocks[sku] = taken.stock
        log += [movement, *taken.posted]
        return movement

    def void(self, movement: Movement, **more: Any) -> Movement:
        return self.post(
            Kind.MOVEMENT_VOIDED,
            movement.quantity,
            movement.sku,
            posted=reverse(movement.legs),
            voids=movement.kind,
            at=movement.occurred_at,
            counted=movement.counted,
            **more,
        )

    def year(self, chance: random.Random, count: int) -> None:
        """Seeded trade of every kind, some of it told late, some of it taken back."""
        past: list[Movement] = []
        for number in range(count):
            sku = chance.choice([*ODD[:3], *ODD[4:], *(f"SKU-{n}" for n in range(12))])
            known = NOON + timedelta(minutes=number)
            at = known - timedelta(
                minutes=chance.choice([0, 0, 0, 1, 600]), microseconds=chance.randrange(10**6)
            )
            if past and chance.random() < 0.05:
                self.void(past.pop(chance.randrange(len(past))), known=known)
                continue
            if chance.random() < 0.1:
                self.post(
                    Kind.STOCK_COUNTED,
                    0,
                    sku,
                    at=at,
                    known=known,
                    counted=chance.randrange(40),
                    here=chance.choice(["SOHO", "WH"]),
                )
                continue
            kind = chance.choice(TRADE)
            units = chance.randrange(1, 9) * (chance.choice([1, -1]) if kind in SIGNED else 1)
            said: dict[str, Any] = {"there": "HARLEM", "transit": f"t{number}"}
            if chance.random() < 0.2:
                said |= {"reason": chance.choice(ODD), "bundle": "SET", "witnessed": {"WH": 2, "SOHO": -1}}
            past.append(
                self.post(
                    kind,
                    units,
                    sku,
                    at=at,
                    known=known,
                    here=chance.choice(["SOHO", "WH", "@unrouted"]),
                    **said,
                )
            )

    def batches(self) -> list[Batch]:
        made = []
        for partition, log in self.journal.items():
            records = [(offset, 0, encode(movement)) for offset, movement in enumerate(log)]
            made.append(Batch(MOVEMENTS, partition, records, len(records)))
        return [*made, batch(STOCK, list(self.stocks.values()))]

    def cells(self) -> dict[tuple[str, str, str], int]:
        """What the ledger says there is, by SKU, location and state."""
        inside = {
            (stock.sku, place, state): units
            for stock in self.stocks.values()
            for place, here in stock.locations.items()
            for state, units in here.items()
        }
        outside = {
            (stock.sku, place, "boundary"): units
            for stock in self.stocks.values()
            for place, units in stock.boundary.items()
        }
        return inside | outside


TRADE = [
    Kind.STOCK_INITIALISED,
    Kind.GOODS_RECEIVED,
    Kind.POS_SALE_COMPLETED,
    Kind.ORDER_PLACED,
    Kind.ORDER_ROUTED,
    Kind.ORDER_SHIPPED,
    Kind.RETURN_RECEIVED,
    Kind.REFUND_ISSUED,
    Kind.TRANSFER_SHIPPED,
    Kind.TRANSFER_RECEIVED,
    Kind.STOCK_ADJUSTED,
    Kind.STOCK_SCRAPPED,
]


def batch(topic: Topic, values: list[Any], partition: int = 0, start: int = 0) -> Batch:
    records = [(start + i, 1_700_000_000_000, encode(value)) for i, value in enumerate(values)]
    return Batch(topic, partition, records, start + len(records))


def besides(partition: int = 1) -> list[Batch]:
    """What is beside the movements: two days of each."""
    days = [NOON, NOON + timedelta(days=1)]
    oversold = [
        Oversell(
            movement=f"0-{n}-0",
            sku=sku,
            place="SOHO",
            available=-n,
            cause=OversellCause.LATENCY,
            kind=Kind.ORDER_PLACED,
            transaction="deal/1",
            channel="web",
            occurred_at=day,
            recorded_at=day,
        )
        for n, (day, sku) in enumerate((day, sku) for day in days for sku in ("a", "B"))
    ]
    told = [
        Receipt(
            channel="web",
            sku=ODD[0],
            place="network",
            quantity=4,
            level=5,
            own=-1,
            outcome=Outcome.PUSHED,
            pushed_at=day,
            offset=7,
            detail=detail,
        )
        for day, detail in zip(days, (None, ""), strict=True)
    ]
    refused = [
        DeadLetter(
            channel="web",
            topic="orders",
            stage="mapping",
            reason='unknown, and "odd"\nname',
            ref=f"order/{day:%d}",
            received_at=day,
            payload={"customer": "Ada Lovelace"},
        )
        for day in days
    ]
    return [
        batch(OVERSELLS, oversold, partition),
        batch(RECEIPTS, told, partition),
        batch(DEAD_LETTERS, refused, partition),
    ]


RULED = [
    RulesEvent(
        1,
        0,
        NOON,
        Rules(version="r1", channels={"web": ChannelRules(safety_stock=1)}, by="onhand.toml", at=NOON),
    ),
    RulesEvent(
        0, 0, NOON + timedelta(days=1), Rules(version="r2", channels={"web": ChannelRules()}, edition=1)
    ),
]


@pytest.fixture
def business() -> Business:
    """Seeded trade."""
    made = Business()
    made.year(random.Random(7), 300)
    return made


@pytest.fixture
def record(pool: Pool) -> Callable[..., Any]:
    """Records batches, each in a transaction of its own."""

    async def recorded(*batches: Batch) -> None:
        for one in batches:
            await Recorder(pool).record([one])

    return recorded


@pytest.fixture
def exported(pool: Pool, tmp_path: Path) -> Callable[..., Any]:
    """Exports what is in PostgreSQL into a new folder."""

    async def made(name: str = "export", *, signer: Signer = KEY, **bounds: datetime) -> Path:
        await export(pool, tmp_path / name, Bounds(**bounds), RULED, signer=signer, product="0.1.0")
        return tmp_path / name

    return made


# -- what somebody without the key can do


def rewritten(folder: Path, name: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Edits the rows of a file, and writes it as an export would."""
    table = pq.read_table(folder / name, partitioning=None)
    rows = table.to_pylist()
    change(rows)
    with pq.ParquetWriter(
        folder / name,
        table.schema,
        version="2.6",
        compression="zstd",
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        writer.write_table(pa.Table.from_pylist(rows, table.schema))


def restated(
    folder: Path, signer: Signer | None = None, files: dict[str, File] | None = None, **other: Any
) -> None:
    """Makes the manifest and the digests agree with the files, and signs with some key, or leaves the signature as it is."""
    manifest = Manifest.read((folder / MANIFEST).read_bytes())
    listed = {
        name: File.of(folder / name, None if its.rows is None else pq.read_metadata(folder / name).num_rows)
        for name, its in (manifest.files if files is None else files).items()
    }
    manifest = replace(manifest, files=listed, **other)
    content = manifest.written()
    (folder / MANIFEST).write_bytes(content)
    (folder / SUMS).write_bytes(sums(listed, content))
    if signer is not None:
        (folder / SIGNATURE).write_bytes(signer.sign(content))


def found(report: Report) -> list[str]:
    """What a report says, a line for each problem."""
    return [one.spoken for one in report.problems]


@pytest.fixture
def tools() -> Any:
    """What the tests of a check use."""
    return Tools()


class Tools:
    key, other_key, noon, ruled = KEY, OTHER_KEY, NOON, RULED
    rewritten, restated, found = staticmethod(rewritten), staticmethod(restated), staticmethod(found)
    check = staticmethod(check)
    besides, batch = staticmethod(besides), staticmethod(batch)
    Business = Business

    @staticmethod
    def manifest(folder: Path) -> dict[str, Any]:
        return json.loads((folder / MANIFEST).read_bytes())
