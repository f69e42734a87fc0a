"""The warehouse: what it answers to what it is sent, and what it can be made to do wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from connectors.rlm.sandbox import RlmSandbox
from connectors.rlm.sandbox.warehouse import upc
from connectors.rlm.sets import documents
from connectors.rlm.x12 import interchanges

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def order(ref, *lines, purpose="N"):
    body = [("W05", purpose, ref), ("N1", "WH", "", "92", "E01")]
    for sku, units in lines:
        body += [("LX", "1"), ("W01", str(units), "EA", "", "SK", sku)]
    return [*body, ("W76", "0")]


def answers(sandbox, kind):
    """What it sent of a kind, each set as a list of segments."""
    return [
        [list(segment) for segment in one.segments]
        for raw in sandbox.sent
        for found in interchanges(raw)
        for group in found.groups
        for one in group.sets
        if one.kind == kind
    ]


async def send(client, kind, *sets):
    await client.mailbox.send(await client.mailbox.number(), kind, NOW, sets)


async def test_given_it_starts_then_it_reports_its_levels_by_place(sandbox):
    east, store = answers(sandbox, "846")
    assert [segment for segment in east if segment[0] in ("LIN", "QTY")] == [
        ["LIN", "1", "SK", "MUG", "UP", upc("MUG")],
        ["QTY", "33", "0", "EA"],
        ["QTY", "17", "0", "EA"],
        ["LIN", "2", "SK", "TEE-M", "UP", upc("TEE-M")],
        ["QTY", "33", "4", "EA"],
        ["QTY", "17", "4", "EA"],
        ["LIN", "3", "SK", "TEE-S", "UP", upc("TEE-S")],
        ["QTY", "33", "10", "EA"],
        ["QTY", "17", "10", "EA"],
    ]
    assert store[1] == ["N1", "WH", "Warehouse STORE07", "92", "STORE07"]
    assert urlsplit(sandbox.url).scheme == "file"


async def test_given_an_order_then_it_is_shipped_and_short_where_there_is_not_enough(sandbox, client):
    await send(client, "940", order("A-1", ("TEE-S", 3), ("TEE-M", 6), ("MUG", 1)))
    sandbox.work(NOW)
    (shipment,) = answers(sandbox, "945")
    assert shipment[0][:3] == ["W06", "F", "A-1"]
    assert [segment[1:5] for segment in shipment if segment[0] == "W12"] == [
        ["CC", "3", "3", "0"],
        ["CP", "6", "4", "2"],
        ["CP", "1", "0", "1"],
    ]
    assert [sandbox.stock(sku, "E01") for sku in ("TEE-S", "TEE-M", "MUG")] == [7, 0, 0]
    assert list((sandbox.root / "outbox").iterdir()) == []


async def test_given_an_order_number_again_then_it_is_not_carried_out_again(sandbox, client):
    for purpose in ("N", "N", "F"):
        await send(client, "940", order("A-1", ("TEE-S", 3), purpose=purpose))
    sandbox.work(NOW)
    assert sandbox.stock("TEE-S", "E01") == 7, "and a cancellation comes too late"
    await send(client, "940", order("A-2", purpose="F"))
    await send(client, "940", order("A-2", ("TEE-S", 1)))
    assert sandbox.stock("TEE-S", "E01") == 7


async def test_given_the_same_interchange_again_then_it_is_dropped(sandbox, client):
    await client.mailbox.send(7, "940", NOW, [order("A-1", ("TEE-S", 3))])
    sandbox.work(NOW)
    await client.mailbox.send(7, "940", NOW, [order("A-2", ("TEE-S", 3))])
    assert sandbox.stock("TEE-S", "E01") == 7
    assert len(answers(sandbox, "997")) == 1


async def test_given_a_notice_of_goods_then_all_of_them_are_received(sandbox, client):
    body = [
        ("W06", "N", "ASN-1", "20261123"),
        ("N1", "SF", "", "92", "F01"),
        ("N1", "WH", "", "92", "E01"),
        ("W04", "12", "EA", "", "SK", "TEE-S"),
    ]
    await send(client, "943", body)
    assert sandbox.stock("TEE-S", "E01") == 22
    (receipt,) = answers(sandbox, "944")
    assert receipt[0][4] == "ASN-1"
    assert receipt[3][:2] == ["W07", "12"]


async def test_given_a_group_then_it_is_acknowledged_and_one_that_is_miscounted_is_rejected(
    sandbox, client, tmp_path
):
    await send(client, "940", order("A-1", ("TEE-S", 1)))
    (file,) = (tmp_path / "outbox").iterdir()
    file.write_bytes(file.read_bytes().replace(b"SE*7*", b"SE*8*"))
    await send(client, "940", order("A-2", ("TEE-S", 1)))
    sandbox.work(NOW)
    bad, good = answers(sandbox, "997")
    assert (bad[2], good[2]) == (["AK5", "R", "4"], ["AK5", "A"])
    assert sandbox.stock("TEE-S", "E01") == 9


async def test_given_an_acknowledgement_then_it_is_noted_and_not_answered(sandbox, client):
    before = len(sandbox.sent)
    await send(client, "997", [("AK1", "SW", "1"), ("AK9", "A", "1", "1", "1")])
    sandbox.work(NOW)
    assert sandbox.acknowledged[0] == ["AK1", "SW", "1"]
    assert len(sandbox.sent) == before


async def test_given_a_level_then_it_is_offered_until_it_sells_and_its_stock_stays(sandbox, client):
    body = [("BIA", "00", "DD", "1", "20261123"), ("N1", "WH", "", "92", "E01"), ("LIN", "1", "SK", "TEE-S")]
    await send(client, "846", [*body, ("QTY", "33", "6", "EA")])
    assert (sandbox.level("TEE-S", "E01"), sandbox.stock("TEE-S", "E01")) == (6, 10)
    sandbox.sell("E01", [("TEE-S", 2)], at=NOW)
    assert (sandbox.level("TEE-S", "E01"), sandbox.stock("TEE-S", "E01")) == (4, 10)


async def test_given_faults_on_demand_then_files_are_lost_repeated_and_cut_off(sandbox):
    inbox = sandbox.root / "inbox"
    sandbox.lose_answers()
    sandbox.adjust("E01", [("TEE-S", -1)], at=NOW)
    assert len(list(inbox.iterdir())) == 1, "only the report it began with"
    sandbox.resend()
    sandbox.truncate()
    first, whole, half = sorted(inbox.iterdir())
    assert whole.read_bytes() == sandbox.sent[-1]
    assert sandbox.sent[-1].startswith(half.read_bytes())
    assert first.read_bytes() == sandbox.sent[0]
    assert sandbox.stock("TEE-S", "E01") == 9


async def test_given_rubbish_in_the_outbox_then_it_works_on(sandbox, client):
    (sandbox.root / "outbox/a.edi").write_bytes(b"not X12")
    await send(client, "940", order("A-1", ("TEE-S", 1)))
    assert sandbox.stock("TEE-S", "E01") == 9


async def test_given_it_runs_then_it_looks_into_its_folder_by_itself(tmp_path):
    double = RlmSandbox(places=("E01",), folder=tmp_path, every=0.01)
    double.seed("TEE-S", "E01", 5)
    await double.start()
    (tmp_path / "outbox/a.edi").write_bytes(b"not X12")
    for _ in range(200):
        if not (tmp_path / "outbox/a.edi").exists():
            break
        await asyncio.sleep(0.01)
    await double.stop()
    assert not (tmp_path / "outbox/a.edi").exists()
    assert tmp_path.exists()


async def test_given_no_folder_then_it_makes_one_and_takes_it_away_again():
    double = RlmSandbox(places=("E01",))
    await double.start()
    assert double.root.is_dir()
    await double.stop()
    assert not double.root.exists()


async def test_given_a_second_start_in_one_folder_then_numbers_and_names_go_on(sandbox, tmp_path):
    first = sandbox.sell("E01", [("TEE-S", 1)], at=NOW)
    again = RlmSandbox(places=("E01",), folder=tmp_path, every=3_600)
    again.seed("TEE-S", "E01", 5)
    await again.start()
    assert again.sell("E01", [("TEE-S", 1)], at=NOW) > first
    await again.stop()
    numbers = [found.number for raw in (*sandbox.sent, *again.sent) for found in interchanges(raw)]
    assert numbers == ["000000001", "000000002", "000000003", "000000004"]


@pytest.mark.parametrize("kind", ["846", "850", "947"])
async def test_given_what_it_sends_then_our_reader_finds_what_it_means(sandbox, kind):
    sandbox.sell("E01", [("TEE-S", 2)], at=NOW)
    sandbox.adjust("E01", [("TEE-S", 2)], at=NOW)
    raw = next(raw for raw in sandbox.sent if f"ST*{kind}*".encode() in raw)
    found = documents(kind, raw)
    assert all("fault" not in one and one["lines"] for one in found)
