"""What a real account answered: every document becomes the right claim, and the sandbox answers in the same shapes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.contract import Payload
from connectors.lightspeed_r import connector, fields
from connectors.lightspeed_r.allowlist import ORDER, RESERVATION, SALE

SAMPLES = Path(__file__).parent / "samples"
OPEN = "a sale that is not completed has not moved its goods"
DRAFT = "it was not ordered yet, and none came"

DOCUMENTS = [
    ("sale_create_empty", SALE, "Sale", "sale/120", [], [OPEN]),
    ("sale_create_with_lines", SALE, "Sale", "sale/121", [], [OPEN]),
    ("sale_create_with_itemcode", SALE, "Sale", "sale/122", [], [OPEN]),
    ("sale_no_lines", SALE, "Sale", "sale/4", [], [OPEN]),
    ("sale_update", SALE, "Sale", "sale/1", [], [OPEN]),
    ("saleline_single", RESERVATION, "SaleLine", "reservation/2", [], ["the line is no reservation"]),
    (
        "purchase_orders",
        ORDER,
        "Order",
        "order/1",
        [
            ("expected", "item:177", 2),
            ("expected", "item:13", 1),
            ("expected", "item:153", 1),
            ("expected", "item:42", 1),
        ],
        [],
    ),
    ("purchase_orders", ORDER, "Order", "order/2", [], [DRAFT] * 2),
    ("purchase_orders", ORDER, "Order", "order/3", [], [DRAFT] * 3),
    ("purchase_orders", ORDER, "Order", "order/4", [], []),
    ("purchase_orders", ORDER, "Order", "order/5", [], []),
    ("special_orders", RESERVATION, "SpecialOrder", "reservation/206", [], ["1 of 1 are not reserved yet"]),
    ("special_orders", RESERVATION, "SpecialOrder", "reservation/207", [], ["1 of 1 are not reserved yet"]),
    ("special_orders", RESERVATION, "SpecialOrder", "reservation/208", [], ["1 of 1 are not reserved yet"]),
]
"""File, topic, the rows' name, and what the document says: facts, and why other lines say nothing. What is reserved of the
special orders was not loaded.
"""


def rows(name, kind):
    body = json.loads((SAMPLES / f"{name}.json").read_text())["body"]
    return [row.get("SaleLine", row) if kind == "SpecialOrder" else row for row in fields.rows(body, kind)]


def read(topic, row):
    return connector.read("tills", Payload(topic, connector.reduce(topic, row))).documents[0]


@pytest.mark.parametrize(("name", "topic", "kind", "ident", "said", "skipped"), DOCUMENTS)
def test_given_a_recorded_document_then_its_claim_is_right(name, topic, kind, ident, said, skipped):
    (document,) = [found for row in rows(name, kind) if (found := read(topic, row)).id == ident]
    assert [(line.fact, line.sku, line.quantity) for line in document.lines] == said
    assert [line.reason for line in document.skipped] == skipped


def test_given_the_recordings_then_the_table_has_every_document_in_them():
    found = {
        (file.stem, read(topic, row).id)
        for file in SAMPLES.glob("*.json")
        for topic, kind in ((SALE, "Sale"), (RESERVATION, "SaleLine"), (ORDER, "Order"))
        for row in rows(file.stem, kind)
    }
    found |= {("special_orders", read(RESERVATION, row).id) for row in rows("special_orders", "SpecialOrder")}
    assert found == {(row[0], row[3]) for row in DOCUMENTS}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"completed": "true"}, [("sold", 2, "2016-02-13")]),
        ({"completed": "true", "completeTime": "2016-02-12T09:00:00+00:00"}, [("sold", 2, "2016-02-12")]),
        (
            {"completed": "true", "voided": "true"},
            [("sold", 2, "2016-02-13"), ("sale_voided", 2, "2016-02-13")],
        ),
    ],
)
def test_given_a_recorded_sale_once_completed_then_its_lone_line_is_sold(changes, said):
    (row,) = rows("sale_create_with_lines", "Sale")
    lines = read(SALE, {**row, **changes}).lines
    assert [(line.fact, line.quantity, line.at.date().isoformat()) for line in lines] == said


def test_given_a_recorded_special_order_whose_sale_is_completed_then_it_was_collected():
    row = rows("special_orders", "SpecialOrder")[0]
    sale = {"saleID": "123", "completed": "true", "timeStamp": "2016-02-21T03:02:28+00:00"}
    lines = read(RESERVATION, {**row, "Sale": sale}).lines
    assert [(line.fact, line.quantity) for line in lines] == [("ordered", 1), ("collected", 1)]


NEWER = {
    "Sale": {"createTime", "updatetime", "completeTime"},
    "SaleLine": {"lineType", "InventorySales", "Note"},
    "Order": {"createTime"},
}
"""Fields that the documentation has, and recordings of 2016 do not (endpoints Sale, SaleLine, Order)."""


def keys(value, name=""):
    """The fields of every kind of object in an answer, and whether all scalars are strings."""
    found = {}
    if isinstance(value, dict):
        found[name] = set(value)
        for key, part in value.items():
            for kind, names in keys(part, key).items():
                found[kind] = found.get(kind, set()) | names
    elif isinstance(value, list):
        for part in value:
            for kind, names in keys(part, name).items():
                found[kind] = found.get(kind, set()) | names
    else:
        assert isinstance(value, str), f"{name} is {value!r}"
    return found


async def test_given_the_sandboxs_answers_then_they_have_only_fields_that_real_ones_have(client, sandbox):
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    sandbox.collect([sandbox.lay_away("Mall", "SHIRT", 2, at=now)], at=now)
    sandbox.order("Mall", {"CAP": 1}, at=now)
    real = {}
    for file in SAMPLES.glob("*.json"):
        for kind, names in keys(json.loads(file.read_text())["body"]).items():
            real[kind] = real.get(kind, set()) | names
    asked = {
        "/Sale.json": '["SaleLines","SaleLines.InventorySales","SaleLines.Note"]',
        "/Order.json": '["OrderLines"]',
    }
    for path, relations in asked.items():
        reply = await client.call("GET", path, query={"load_relations": relations})
        for kind in ("Sale", "SaleLine", "Order", "OrderLine"):
            unknown = keys(reply.body).get(kind, set()) - real[kind] - NEWER.get(kind, set())
            assert not unknown, f"{kind}: {unknown}"


async def test_given_no_rows_then_the_sandbox_leaves_the_key_away_as_the_real_one_does(client):
    recorded = json.loads((SAMPLES / "empty_result_no_key.json").read_text())["body"]
    reply = await client.call("GET", "/Sale.json")
    assert list(reply.body) == list(recorded) == ["@attributes"]


@pytest.mark.parametrize("name", ["error_400_item", "error_401", "error_404_employee"])
async def test_given_an_error_then_the_sandbox_words_it_like_the_recorded_one(client, sandbox, name):
    recorded = json.loads((SAMPLES / f"{name}.json").read_text())
    reply = await client.call("GET", "/Inventory/Transfer/99/TransferItems.json")
    assert reply.status == 404
    assert set(reply.body) == set(recorded["body"])
    if "Content-Type" in recorded["headers"]:
        assert reply.headers["Content-Type"].lower() == recorded["headers"]["Content-Type"].lower()
    if "X-Ls-Api-Bucket-Level" in recorded["headers"]:
        assert "/" in reply.headers["X-Ls-Api-Bucket-Level"]
