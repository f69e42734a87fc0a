"""What each file of an export holds: its columns, and how PostgreSQL is asked for them. Data, so that it can be audited."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
"""Microseconds since 1970, in UTC."""

LEG = pa.struct(
    [
        pa.field("location", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("quantity", pa.int64(), nullable=False),
    ]
)
LEGS = pa.list_(pa.field("element", LEG, nullable=False))
NAMES = pa.list_(pa.field("element", pa.string(), nullable=False))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and type, whether it may say nothing, and the SQL that it comes from (else the column of its name).
    Instants are asked for in microseconds, lists and objects as JSON.
    """

    name: str
    kind: pa.DataType
    nullable: bool = False
    sql: str | None = None

    @property
    def asked(self) -> str:
        """The SQL of this column's value."""
        if self.sql is not None:
            return self.sql
        if pa.types.is_timestamp(self.kind):
            return f"(extract(epoch FROM {self.name}) * 1000000)::bigint"
        return self.name


@dataclass(frozen=True, slots=True)
class Shape:
    """A file of rows: its columns, and the rest of the question after `SELECT columns`. None: it does not come from PostgreSQL."""

    columns: tuple[Column, ...]
    rest: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow and Parquet have them."""
        return pa.schema([pa.field(one.name, one.kind, nullable=one.nullable) for one in self.columns])

    @property
    def sql(self) -> str:
        """The whole question."""
        assert self.rest is not None
        return f"SELECT {', '.join(one.asked for one in self.columns)} {self.rest}"


def _within(instant: str) -> str:
    """The condition that something is within the bounds of the export."""
    return (
        f"(%(since)s::timestamptz IS NULL OR {instant} >= %(since)s)"
        f" AND (%(until)s::timestamptz IS NULL OR {instant} <= %(until)s)"
    )


RECORDED_WITHIN = _within("recorded_at")

MOVEMENTS = Shape(
    (
        Column("partition", pa.int32()),
        Column("log_offset", pa.int64()),
        Column("id", pa.string()),
        Column("sku", pa.string()),
        Column("kind", pa.string()),
        Column("quantity", pa.int64()),
        Column("legs", LEGS),
        Column("locations", NAMES, sql="to_json(locations)"),
        Column("transaction", pa.string()),
        Column("channel", pa.string()),
        Column("document", pa.string()),
        Column("occurred_at", INSTANT),
        Column("recorded_at", INSTANT),
        Column("reason", pa.string(), nullable=True),
        Column("voids", pa.string(), nullable=True),
        Column("demand_class", pa.string()),
        Column("counted", pa.int64(), nullable=True),
        Column("bundle", pa.string(), nullable=True),
        Column("witnessed", pa.string(), nullable=True),
        Column("within", pa.bool_(), sql=RECORDED_WITHIN),
        Column("seal", pa.string(), sql="coalesce(encode(seal, 'hex'), '')"),
    ),
    "FROM movements WHERE partition = %(partition)s AND log_offset BETWEEN %(first)s AND %(last)s ORDER BY log_offset",
)
"""The journal of one partition of the log, from the first movement within the bounds to the last."""


def _stock(known: str) -> Shape:
    """The sums of the legs of all movements that were known."""
    return Shape(
        (
            Column("sku", pa.string()),
            Column("location", pa.string()),
            Column("state", pa.string()),
            Column("units", pa.int64()),
        ),
        "FROM (SELECT sku, leg->>'location' AS location, leg->>'state' AS state,"  # noqa: S608  # our own words
        " sum((leg->>'quantity')::bigint)::bigint AS units"
        f" FROM movements, jsonb_array_elements(legs) AS leg WHERE {known} GROUP BY 1, 2, 3) AS cells"
        ' WHERE units <> 0 ORDER BY sku COLLATE "C", location COLLATE "C", state COLLATE "C"',
    )


OPENING = _stock("recorded_at < %(since)s")
CLOSING = _stock("(%(until)s::timestamptz IS NULL OR recorded_at <= %(until)s)")

OVERSELLS = Shape(
    (
        Column("recorded_at", INSTANT),
        Column("movement", pa.string()),
        Column("sku", pa.string()),
        Column("place", pa.string()),
        Column("available", pa.int64()),
        Column("cause", pa.string()),
        Column("kind", pa.string()),
        Column("transaction", pa.string()),
        Column("channel", pa.string()),
        Column("occurred_at", INSTANT),
    ),
    f'FROM oversells WHERE {RECORDED_WITHIN} ORDER BY oversells.recorded_at, movement COLLATE "C", sku COLLATE "C",'
    ' place COLLATE "C"',
)

RECEIPTS = Shape(
    (
        Column("partition", pa.int32()),
        Column("log_offset", pa.int64()),
        Column("channel", pa.string()),
        Column("sku", pa.string()),
        Column("place", pa.string()),
        Column("quantity", pa.int64()),
        Column("level", pa.int64()),
        Column("own", pa.int64()),
        Column("outcome", pa.string()),
        Column("pushed_at", INSTANT),
        Column("stock_offset", pa.int64()),
        Column("ref", pa.string(), nullable=True),
        Column("detail", pa.string(), nullable=True),
    ),
    f"FROM receipts WHERE {_within('pushed_at')} ORDER BY partition, log_offset",
)

DEAD_LETTERS = Shape(
    (
        Column("partition", pa.int32()),
        Column("log_offset", pa.int64()),
        Column("channel", pa.string()),
        Column("topic", pa.string()),
        Column("stage", pa.string()),
        Column("reason", pa.string()),
        Column("ref", pa.string()),
        Column("received_at", INSTANT),
    ),
    f"FROM dead_letters WHERE {_within('received_at')} ORDER BY partition, log_offset",
)
"""Without their payloads, which may be large, and without whether they were retried, which the log does not say."""

RULES = Shape(
    (
        Column("partition", pa.int32()),
        Column("log_offset", pa.int64()),
        Column("recorded_at", INSTANT),
        Column("version", pa.string()),
        Column("edition", pa.int64(), nullable=True),
        Column("by", pa.string(), nullable=True),
        Column("rules", pa.string()),
    )
)
"""Every change of the rules up to the end, from before the beginning too: the last of those held then."""

OPENING_FILE, CLOSING_FILE = "opening-stock.parquet", "closing-stock.parquet"
STOCK_FILES = {OPENING_FILE: OPENING, CLOSING_FILE: CLOSING}
OTHER_FILES = {
    "oversells.parquet": OVERSELLS,
    "receipts.parquet": RECEIPTS,
    "dead-letters.parquet": DEAD_LETTERS,
}
RULES_FILE = "rules.parquet"
README = "README.txt"
PUBLIC_KEY = "public-key.pem"


def movements_file(partition: int) -> str:
    """The file of a partition's movements."""
    return f"movements-{partition:05d}.parquet"


def files_of(partitions: list[int], *, opening: bool) -> dict[str, Shape | None]:
    """The files that an export lists, in their order; those that hold no rows have no shape."""
    stock = {name: shape for name, shape in STOCK_FILES.items() if opening or shape is not OPENING}
    found: dict[str, Shape | None] = {movements_file(one): MOVEMENTS for one in sorted(partitions)}
    return {**found, **stock, **OTHER_FILES, RULES_FILE: RULES, README: None, PUBLIC_KEY: None}
