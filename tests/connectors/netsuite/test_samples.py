"""NetSuite's own column lists, records and rows against what we ask, write and read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.contract import NewOrder, Ordered, Payload, Target
from connectors.errors import Refused
from connectors.netsuite import connector, queries
from connectors.netsuite.allowlist import TRANSACTION
from connectors.netsuite.sandbox.books import SCHEMA

HERE = Path(__file__).parent / "samples"
ANALYTICS = json.loads((HERE / "suiteanalytics.json").read_text())
RECORDS = json.loads((HERE / "records.json").read_text())
INSTANT = "2026-11-23T05:10:11+00:00"

SEEDED_WITHOUT = {
    ("transaction", "externalid"),
    ("transaction", "lastmodifieddate"),
    ("item", "itemid"),
    ("transaction", "customform"),
    ("customer", "id"),
    ("customer", "category"),
}
"""Columns that the seeds leave out and published queries use."""

QUERIES = {
    "items": queries.items(0),
    "locations": queries.locations(0),
    "levels": queries.levels(1, 2),
    "levels_of": queries.levels_of([("1", "2"), ("3", "4")]),
    "changed": queries.changed("2026-11-20 12:00:00", 7),
    "lines": queries.lines(["1", "2"], 7),
    "origins": queries.origins(["1", "2"]),
    "told": queries.told([("1", "2")], "onhand:adjust/"),
    "named": queries.named("SalesOrd", "onhand:order/1"),
    "numbered": queries.numbered("SalesOrd", "onhand:order/1"),
    "marks": queries.marks(["1", "2"], queries.MARKS),
}
TABLES = {"tl": "transactionline", "t": "transaction", "i": "item", "l": "location", "c": "customer"}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_given_a_query_then_netsuite_has_every_column_it_asks_for(query):
    asked = {(TABLES[alias], column) for alias, column in re.findall(r"\b(tl|t|i|l|c)\.([a-z]+)", query)}
    known = {(table, column) for table, columns in ANALYTICS["columns"].items() for column in columns}
    assert asked <= known | SEEDED_WITHOUT


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_given_a_query_then_its_order_is_unique_and_it_has_no_limit(query):
    order = query.rpartition(" ORDER BY ")[2]
    assert order in {
        *("i.id", "l.id", "t.id", "tl.uniquekey", "t.lastmodifieddate, t.id"),
        *("ail.item, ail.location", "tl.item, tl.location"),
    }
    assert not re.search(r"\b(LIMIT|OFFSET|ROWNUM)\b", query)


def test_given_the_sandboxs_tables_then_they_have_no_column_that_netsuite_has_not():
    for table in ("item", "location", "transaction", "transactionline"):
        columns = re.search(rf'CREATE TABLE "?{table}"? \((.*?)\);', SCHEMA, re.DOTALL)[1]
        names = {part.split()[0].strip('"') for part in columns.split(",")}
        known = {*ANALYTICS["columns"][table], *(name for at, name in SEEDED_WITHOUT if at == table)}
        assert names <= known, table


@pytest.mark.parametrize("row", ANALYTICS["lines"], ids=lambda row: row["uniquekey"])
@pytest.mark.parametrize(
    ("kind", "says"), [("SalesOrd", True), ("PurchOrd", True), ("CashSale", False), ("ItemShip", False)]
)
def test_given_a_real_line_then_an_order_asks_for_its_units_and_a_transaction_moves_none(row, kind, says):
    """They are of orders: negative, not inventory affecting, without a location of their own, two of them components of kits."""
    body = {
        "id": row["transaction"],
        "type": kind,
        "status": "C" if kind == "ItemShip" else "B",
        "location": "7",
        "created": INSTANT,
        "modified": INSTANT,
        "lines": [row],
        "origins": [{"id": "1", "type": "SalesOrd"}],
    }
    (document,) = connector.read("erp", Payload(TRANSACTION, connector.reduce(TRANSACTION, body))).documents
    asked = [(line.sku, line.quantity, line.location) for line in document.lines]
    assert asked == ([(f"item:{row['item']}", -int(row["quantity"]), "location:7")] if says else [])


@pytest.mark.parametrize(
    ("row", "origins", "outcome"),
    [
        ({"type": "InvAdjst", "location": "2", "quantity": "-3"}, [], [("adjusted_down", 3)]),
        ({"type": "ItemShip", "location": "5", "quantity": "-2"}, ["SalesOrd"], [("shipped", 2)]),
        (
            {"type": "ItemShip", "location": "5", "quantity": "-2"},
            [],
            "unknown type ItemShip (made from nothing)",
        ),
        (
            {"type": "InvTrnfr", "location": "5", "quantity": "4"},
            [],
            "the legs of the transfer do not balance",
        ),
    ],
)
def test_given_a_row_of_a_ledger_page_then_it_is_a_claim_or_a_reason(row, origins, outcome):
    """One row of each type in the documented answer of a ledger query; the transfer's other leg is on no page."""
    line = {"item": "385", "itemtype": "InvtPart", "isinventoryaffecting": "T", **row}
    body = {
        "id": "98765",
        "type": row["type"],
        "status": "C",
        "created": INSTANT,
        "modified": INSTANT,
        "lines": [line],
        "origins": [{"id": "55", "type": name} for name in origins],
    }
    payload = Payload(TRANSACTION, connector.reduce(TRANSACTION, body))
    if isinstance(outcome, str):
        with pytest.raises(Refused, match=re.escape(outcome)):
            connector.read("erp", payload)
    else:
        (document,) = connector.read("erp", payload).documents
        assert [(line.fact, line.quantity) for line in document.lines] == outcome


async def test_given_our_records_then_oracles_required_fields_are_there_and_no_unknown_ones(client):
    directory = await client.directory()
    target = Target(sku="SHIRT", place="Mall", wanted=3, expected=5, own=0, offset=1)
    sent = {}

    async def note(record, body):
        sent[record.lower()] = body
        return await client.call("POST", f"/services/rest/record/v1/{record}", body=body)

    client.create = note
    await connector.sink(client).push([target], directory)
    order = NewOrder(
        transaction="order/1",
        location="Mall",
        placed_at=datetime(2026, 11, 20, tzinfo=UTC),
        lines=(Ordered("SHIRT", 1),),
    )
    await connector.orders(client).create(order, directory)
    for record, sublist in (("inventoryadjustment", "inventory"), ("salesorder", "item")):
        named = {name.lower() for name in sent[record]} - {sublist}
        known = RECORDS[record]
        assert set(known["required"]) - {"customform"} <= named, "a form has a default"
        assert named <= set(known["fields"])
    assert {name.lower() for name in sent["salesorder"]["item"]["items"][0]} <= {
        *RECORDS["salesorder"]["item"],
        "location",
    }
