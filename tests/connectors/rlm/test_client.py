"""The folder: in the order of names, moved only when taken, never half a file, never a word lost."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from connectors.errors import Unreachable
from connectors.rlm.client import RlmClient
from connectors.rlm.folder import Entry
from connectors.rlm.outbox import Mailbox
from connectors.rlm.settings import RlmSettings
from connectors.rlm.x12 import Address, interchanges, written

DEPOT, HUB = Address("ZZ", "PARTNER"), Address("ZZ", "ONHAND")
NOW = datetime(2026, 11, 23, 13, tzinfo=UTC)


def adjusted(number, name="ADJ-1", units="-1"):
    body = [
        ("W15", "20261123", name),
        ("N1", "WH", "", "92", "E01"),
        ("W19", "AH", units, "EA", "", "SK", "TEE"),
    ]
    return written(DEPOT, HUB, number, NOW, "947", [body])


@pytest.fixture
def inbox(tmp_path):
    found = tmp_path / "inbox"
    found.mkdir(exist_ok=True)
    return found


@pytest.fixture
def client(tmp_path, inbox):
    return RlmClient(RlmSettings(platform="rlm", folder=tmp_path, quiet=0), {})


async def polled(client):
    return [payload.body.get("number") async for page, _ in client.poll(None) for payload in page]


def names(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


async def test_given_files_then_they_are_taken_in_the_order_of_their_names_and_put_away(
    client, inbox, tmp_path
):
    for name, number in (("b.edi", 2), ("a.edi", 1), ("c", 3)):
        (inbox / name).write_bytes(adjusted(number, f"ADJ-{name}"))
    assert await polled(client) == ["ADJ-a.edi", "ADJ-b.edi", "ADJ-c"]
    assert names(inbox) == []
    assert [name.split(".")[0] for name in names(tmp_path / "done")] == ["947/a", "947/b", "947/c"]
    assert await polled(client) == []


async def test_given_a_crash_before_the_caller_comes_back_then_the_file_is_repeated(client, inbox, tmp_path):
    (inbox / "a.edi").write_bytes(adjusted(1))
    pages = client.poll(None)
    await anext(pages)
    await pages.aclose()
    assert names(inbox) == ["a.edi"]
    assert not (tmp_path / "outbox").exists(), "what was not taken is not acknowledged"
    assert await polled(client) == ["ADJ-1"]


async def test_given_a_name_that_is_used_again_then_both_files_are_kept(client, inbox, tmp_path):
    for number in (1, 2):
        (inbox / "daily.edi").write_bytes(adjusted(number))
        await polled(client)
    assert len(names(tmp_path / "done")) == 2


async def test_given_a_set_of_a_kind_that_is_a_path_then_its_file_stays_in_the_folder(
    client, inbox, tmp_path
):
    (inbox / "a.edi").write_bytes(adjusted(1).replace(b"ST*947", b"ST*../../../947"))
    async for _ in client.poll(None):
        pass
    assert [name.split("/")[0] for name in names(tmp_path / "done")] == ["other"]


async def test_given_half_written_files_then_they_are_left_alone(client, inbox, tmp_path):
    for name in ("a.edi.tmp", "b.PART", "c.filepart", ".d.edi"):
        (inbox / name).write_bytes(adjusted(1))
    growing = inbox / "e.edi"
    growing.write_bytes(adjusted(2)[:100])
    patient = RlmClient(RlmSettings(platform="rlm", folder=tmp_path, quiet=60), {})
    assert await polled(patient) == []
    assert len(names(inbox)) == 5
    growing.write_bytes(adjusted(2))
    os.utime(growing, (0, 0))
    assert await polled(patient) == ["ADJ-1"]


async def test_given_a_bad_file_then_its_reason_lies_beside_it_and_the_others_are_read(
    client, inbox, tmp_path
):
    (inbox / "a.edi").write_bytes(adjusted(1)[:-30])
    (inbox / "b.edi").write_bytes(adjusted(2))
    (inbox / "c.csv").write_bytes(b"nothing,of,ours\n1,2,3\n")
    assert await polled(client) == ["ADJ-1"]
    assert names(tmp_path / "bad") == ["a.edi", "a.edi.reason", "c.csv", "c.csv.reason"]
    assert (tmp_path / "bad/a.edi.reason").read_text() == "truncated: an interchange has no IEA segment\n"
    assert (tmp_path / "bad/c.csv.reason").read_text().startswith("no column is the quantity")


async def test_given_a_file_of_absurd_size_then_it_is_not_read(client, inbox, tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.rlm.client.FILE_MAX", 100)
    (inbox / "a.edi").write_bytes(adjusted(1))
    assert await polled(client) == []
    assert "larger than 100 bytes" in (tmp_path / "bad/a.edi.reason").read_text()


async def test_given_two_workers_then_a_file_is_done_once(client, inbox, tmp_path):
    (inbox / "a.edi").write_bytes(adjusted(1))
    await asyncio.gather(polled(client), polled(client))
    assert len(names(tmp_path / "done")) == 1
    assert names(inbox) == []


async def test_given_a_file_then_each_of_its_groups_is_acknowledged_and_an_acknowledgement_is_not(
    client, inbox, tmp_path
):
    wrong = adjusted(2).replace(b"SE*5*", b"SE*6*")
    (inbox / "a.edi").write_bytes(adjusted(1) + wrong)
    assert len([payload async for page, _ in client.poll(None) for payload in page]) == 2
    (answer,) = (tmp_path / "outbox").iterdir()
    (found,) = interchanges(answer.read_bytes())
    first, second = found.groups[0].sets
    assert (found.sender.ident, found.receiver.ident, found.groups[0].kind) == ("ONHAND", "PARTNER", "FA")
    assert first.segments == (
        ["AK1", "AW", "1"],
        ["AK2", "947", "0001"],
        ["AK5", "A"],
        ["AK9", "A", "1", "1", "1"],
    )
    assert second.segments[2:] == (["AK5", "R", "4"], ["AK9", "R", "1", "1", "0"])
    answer.rename(inbox / "997.edi")
    await polled(client)
    assert names(tmp_path / "outbox") == []


async def test_given_a_partner_who_wants_no_acknowledgements_then_none_is_sent(inbox, tmp_path):
    (inbox / "a.edi").write_bytes(adjusted(1))
    quiet = RlmClient(RlmSettings(platform="rlm", folder=tmp_path, quiet=0, acknowledge=False), {})
    assert await polled(quiet) == ["ADJ-1"]
    assert not (tmp_path / "outbox").exists()


async def test_given_a_csv_file_then_its_name_says_what_it_holds(client, inbox):
    (inbox / "Movements-1.csv").write_text(
        "movement_id,posted_at,warehouse,type,sku,quantity\nM-1,2026-11-23 09:00,E01,SHIP,TEE,-1\n"
    )
    (inbox / "stock.csv").write_text("warehouse,sku,ats,as_of\nE01,TEE,5,2026-11-23\nE01,MUG,1,2026-11-23\n")
    found = [payload.topic async for page, _ in client.poll(None) for payload in page]
    assert found == ["movements", "846", "846"]


async def test_given_no_folder_then_it_is_said_and_nothing_is_made(tmp_path):
    client = RlmClient(RlmSettings(platform="rlm", folder=tmp_path / "none"), {})
    for call in (client.directory(), polled(client)):
        with pytest.raises(Unreachable, match="there is no folder"):
            await call
    assert not (tmp_path / "none").exists()


async def test_given_reports_of_several_days_then_the_newest_level_of_each_item_counts(
    sandbox, client, tmp_path
):
    sandbox.adjust("E01", [("TEE-S", -3)], at=NOW)
    sandbox.report(at=datetime(2027, 1, 1, tzinfo=UTC))
    reported = [level async for page in client.levels() for level in page]
    by_cell = {(one.item, one.location): one.level for one in reported}
    assert len(by_cell) == 4
    directory = await client.directory()
    assert {(directory.items[item].sku, place): level for (item, place), level in by_cell.items()} == {
        ("TEE-S", "E01"): 7,
        ("TEE-M", "E01"): 4,
        ("MUG", "E01"): 0,
        ("TEE-S", "STORE07"): 2,
    }
    async for _ in client.poll(None):
        pass
    assert [level async for page in client.levels() for level in page] == reported


async def test_given_an_item_then_every_reference_of_it_is_one_sku(sandbox, client):
    directory = await client.directory()
    assert {ref for ref, item in directory.items.items() if item.sku == "TEE-S"} == {
        "SK:TEE-S",
        next(ref for ref, item in directory.items.items() if item.sku == "TEE-S" and ref.startswith("UP:")),
    }
    assert directory.handles["TEE-S"] == "SK:TEE-S"
    assert directory.places == {"E01": "E01", "STORE07": "STORE07", "network": ""}


async def test_given_a_barcode_of_two_items_then_it_is_nobodys_and_their_skus_stay(client, inbox):
    body = [
        ("BIA", "00", "DD", "S", "20261123"),
        ("N1", "WH", "", "92", "E01"),
        *(("LIN", "1", "SK", "TEE", "UP", "1"), ("QTY", "33", "1", "EA")),
        *(("LIN", "2", "SK", "MUG", "UP", "1"), ("QTY", "33", "1", "EA")),
    ]
    levels = written(DEPOT, HUB, 2, NOW, "846", [body])
    (inbox / "a.edi").write_bytes(adjusted(1) + levels)
    for _ in ("in the inbox", "done"):
        directory = await client.directory()
        assert set(directory.items) == {"SK:TEE", "SK:MUG"}
        assert directory.handles == {"TEE": "SK:TEE", "MUG": "SK:MUG"}
        assert len(await polled(client)) in (3, 0)


async def test_given_many_at_once_then_no_control_number_is_given_twice(client):
    other = Mailbox(client.folder, client.settings)
    found = await asyncio.gather(*(box.number() for box in (client.mailbox, other) * 40))
    assert sorted(found) == list(range(1, 81))


async def test_given_the_last_control_number_then_the_next_is_one(client, tmp_path):
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers/999999999").touch()
    assert await client.mailbox.number() == 1


class Contended:
    """A folder in which somebody else is always first."""

    async def list(self, path):
        return [Entry("000000001", 0, 0)]

    async def rename(self, path, to):
        return False

    async def create(self, path):
        return False


async def test_given_somebody_who_began_and_died_then_no_number_is_made_up(client, tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.rlm.outbox.TRIES_MAX", 3)
    await client.folder.create("numbers/begun")
    with pytest.raises(Unreachable, match="no control number"):
        await client.mailbox.number()


async def test_given_others_who_take_every_number_then_it_is_said_in_the_end(client):
    with pytest.raises(Unreachable, match="no control number"):
        await Mailbox(Contended(), client.settings).number()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "folder is missing"),
        ({"base_url": "http://127.0.0.1:8801"}, "folder is missing"),
        ({"base_url": "file:///x", "sandbox": "stock.csv"}, "a sandbox needs folder"),
        ({"folder": "/x", "zone": "Mars"}, "no IANA time zone"),
        ({"folder": "/x", "reasons": {"AH": "lost"}}, "no effect is 'lost'; effects are: adjusted"),
        ({"folder": "/x", "ours": "TOO*MANY"}, "pattern"),
        ({"folder": "/x", "inbox": "../elsewhere"}, "pattern"),
    ],
)
def test_given_wrong_settings_then_they_are_refused(given, says):
    with pytest.raises(ValueError, match=says):
        RlmSettings(platform="rlm", **given)


def test_given_a_folder_and_an_address_of_a_sandbox_then_the_folder_is_it():
    settings = RlmSettings(platform="rlm", folder="/srv/edi", base_url="http://127.0.0.1:8801")
    assert str(settings.root) == "/srv/edi"
    moved = settings.model_copy(update={"base_url": "file:///srv/the%20other"})
    assert str(moved.root) == "/srv/the other"
