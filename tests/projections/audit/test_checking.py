"""Whatever is done to an export without the key is found, and named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from projections.audit.manifest import Manifest
from projections.audit.once import Once
from projections.audit.report import PROBLEMS_MAX
from projections.audit.retracing import rows_of
from schemas.seals import seal

FLIPS = 12
"""Bytes that are flipped in each file."""


@pytest.fixture
async def folder(business, record, exported, tools) -> Path:
    """A sound export of a part of the history, so that it has an opening stock."""
    await record(*business.batches(), *tools.besides())
    made = await exported(since=tools.noon + timedelta(minutes=40))
    assert tools.check(made, tools.key.public).ok
    return made


@pytest.fixture
async def whole(business, record, exported) -> Path:
    """A sound export of all of the history."""
    await record(*business.batches())
    return await exported()


def test_given_a_sound_export_then_the_check_says_how_much_it_looked_at(business, whole, tools):
    report = tools.check(whole, tools.key.public)
    assert (report.ok, report.signature, report.problems) == (True, "pinned", [])
    assert report.movements == report.within == sum(map(len, business.journal.values()))
    assert report.cells == len(business.cells())
    assert tools.check(whole).signature == "consistent"


def test_given_any_byte_is_flipped_in_any_file_then_the_file_is_named(folder, tools):
    chance = random.Random(11)
    for path in sorted(folder.iterdir()):
        sound = path.read_bytes()
        places = {0, len(sound) - 1, *(chance.randrange(len(sound)) for _ in range(FLIPS))}
        for place in sorted(places):
            flipped = bytearray(sound)
            flipped[place] ^= 1 << chance.randrange(8)
            path.write_bytes(flipped)
            report = tools.check(folder, tools.key.public)
            assert not report.ok, (path.name, place)
            assert path.name in {one.file for one in report.problems}, (path.name, place, tools.found(report))
        path.write_bytes(sound)
    assert tools.check(folder, tools.key.public).ok


def test_given_a_flipped_byte_in_a_readable_text_then_the_movement_is_named(folder, tools):
    """Where the file can still be read, the chain says which movement was changed."""
    [path] = folder.glob("movements-00000.parquet")
    rewritten = pq.read_table(path, partitioning=None)
    pq.write_table(rewritten, path, compression="none", use_dictionary=False, store_schema=False)
    tools.restated(folder)
    content = path.read_bytes()
    named = rewritten.to_pylist()[30]["document"].encode()
    stored = len(named).to_bytes(4, "little") + named
    assert content.count(stored) == 1
    path.write_bytes(content.replace(stored, stored.replace(b"order", b"Order")))
    report = tools.check(folder, unsigned=True)
    row = rewritten.to_pylist()[30]
    about = f"{row['sku']} {row['id']} at offset {row['log_offset']}"
    assert (path.name, about) in {(one.file, one.about) for one in report.problems}
    assert len([one for one in report.problems if one.about == about]) == 1


# -- an editor without the key


def change(name: str, value: object, number: int = 25) -> Callable[[list[dict]], None]:
    def changed(rows: list[dict]) -> None:
        rows[number][name] = value

    return changed


def units(rows: list[dict]) -> None:
    row = next(row for row in rows[20:] if row["within"] and len(row["legs"]) >= 2)
    for leg in row["legs"]:
        leg["quantity"] *= 3
    row["quantity"] *= 3


def unbalanced(rows: list[dict]) -> None:
    next(row for row in rows[20:] if len(row["legs"]) >= 2)["legs"][0]["quantity"] += 1


def swapped(rows: list[dict]) -> None:
    rows[20], rows[21] = rows[21], rows[20]


EDITS = {
    "a reason": change("reason", "theft"),
    "units": units,
    "units of one leg": unbalanced,
    "an instant": change("occurred_at", None),
    "where it is": change("locations", ["NOWHERE"]),
    "whether it counts": lambda rows: rows[25].update(within=not rows[25]["within"]),
    "its partition": change("partition", 7),
    "its offset": change("log_offset", 3),
    "a seal": change("seal", "00" * 32),
    "no seal": change("seal", "none"),
    "a kind that is none": change("kind", "StockBorrowed"),
    "what was witnessed": change("witnessed", "{"),
    "one is gone": lambda rows: rows.pop(25),
    "the last is gone": lambda rows: rows.pop(),
    "the first is gone": lambda rows: rows.pop(0),
    "one is there twice": lambda rows: rows.insert(25, dict(rows[25])),
    "two have changed places": swapped,
    "all are gone": lambda rows: rows.clear(),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("signer", ["nobody", "somebody else"])
def test_given_an_edited_movement_with_new_digests_then_it_is_found(whole, tools, edit, signer):
    if edit is EDITS["an instant"]:
        edit = lambda rows: rows[25].update(occurred_at=rows[25]["occurred_at"] + timedelta(days=1))  # noqa: E731
    name = "movements-00001.parquet"
    tools.rewritten(whole, name, edit)
    tools.restated(whole)
    report = tools.check(whole, tools.key.public)
    assert report.signature == "wrong"
    assert {"manifest.sig", name} <= {one.file for one in report.problems}
    if signer == "nobody":
        (whole / "manifest.sig").unlink()
        assert "manifest.sig: is missing" in tools.found(tools.check(whole))[0]
        report = tools.check(whole, unsigned=True)
        assert report.signature == "missing"
    else:
        tools.restated(whole, tools.other_key, public_key=tools.other_key.public.text)
        pinned = tools.check(whole, tools.key.public)
        assert "manifest.sig: is made with another key" in tools.found(pinned)[0]
        report = tools.check(whole)
        assert report.signature == "consistent"
    assert {one.file for one in report.problems} >= {name}
    assert not report.ok


def test_given_the_closing_stock_is_edited_with_the_movements_then_both_are_found(whole, tools):
    name = "movements-00001.parquet"
    sold: list[dict] = []

    def sell(rows: list[dict]) -> None:
        row = next(row for row in rows[20:] if row["kind"] == "PosSaleCompleted")
        sold.append(row)
        for leg in row["legs"]:
            leg["quantity"] += 5 if leg["quantity"] > 0 else -5

    def fewer(rows: list[dict]) -> None:
        for row in rows:
            for leg in sold[0]["legs"]:
                if (row["sku"], row["location"], row["state"]) == (
                    sold[0]["sku"],
                    leg["location"],
                    leg["state"],
                ):
                    row["units"] += 5 if leg["quantity"] > 0 else -5

    tools.rewritten(whole, name, sell)
    tools.restated(whole, tools.other_key, public_key=tools.other_key.public.text)
    alone = tools.found(tools.check(whole))
    assert len([one for one in alone if one.startswith("closing-stock.parquet: ")]) == 2
    tools.rewritten(whole, "closing-stock.parquet", fewer)
    tools.restated(whole, tools.other_key, public_key=tools.other_key.public.text)
    report = tools.check(whole)
    assert tools.found(report) == [
        (
            f"{name}: {sold[0]['sku']} {sold[0]['id']} at offset {sold[0]['log_offset']}:"
            " is not as it was sealed, or what stood before it is not"
        )
    ]
    assert tools.check(whole, tools.key.public).found == 2


def more(rows: list[dict]) -> None:
    rows[3]["units"] += 1


def twice(rows: list[dict]) -> None:
    rows.insert(3, dict(rows[3]))


@pytest.mark.parametrize(
    "edit", [more, twice, lambda rows: rows.pop(3), lambda rows: rows[3].update(sku="~new")]
)
@pytest.mark.parametrize("name", ["opening-stock.parquet", "closing-stock.parquet"])
def test_given_stock_that_does_not_follow_from_the_movements_then_the_cell_is_named(
    folder, tools, name, edit
):
    cell = "/".join(list(pq.read_table(folder / name).to_pylist()[3].values())[:3])
    tools.rewritten(folder, name, edit)
    tools.restated(folder, tools.other_key, public_key=tools.other_key.public.text)
    report = tools.check(folder)
    assert not report.ok
    assert cell in {one.about for one in report.problems}, tools.found(report)


# -- files


def test_given_a_file_too_many_or_too_few_then_it_is_named(folder, tools):
    (folder / "notes.txt").write_text("see me")
    (folder / "more").mkdir()
    assert tools.found(tools.check(folder, tools.key.public)) == [
        "more: is not in the manifest",
        "notes.txt: is not in the manifest",
    ]
    (folder / "notes.txt").unlink()
    (folder / "more").rmdir()
    for path in sorted(folder.iterdir()):
        path.rename(folder.parent / path.name)
        report = tools.check(folder, tools.key.public)
        assert f"{path.name}: is missing" in " ".join(tools.found(report)), path.name
        assert {one.file for one in report.problems} == {path.name}, tools.found(report)
        (folder.parent / path.name).rename(path)


def test_given_a_link_instead_of_a_file_then_it_is_missing(folder, tools, tmp_path):
    shutil.move(folder / "receipts.parquet", tmp_path / "elsewhere.parquet")
    (folder / "receipts.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    assert tools.found(tools.check(folder, tools.key.public)) == ["receipts.parquet: is missing"]


def test_given_a_manifest_that_leaves_a_file_out_then_that_is_found(whole, tools):
    manifest = Manifest.read((whole / "manifest.json").read_bytes())
    (whole / "movements-00000.parquet").unlink()
    listed = {name: its for name, its in manifest.files.items() if name != "movements-00000.parquet"}
    tools.restated(whole, tools.key, files=listed)
    report = tools.check(whole, tools.key.public)
    assert tools.found(report) == ["manifest.json: lists other files than an export of this kind has"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": "onhand-export/2"}',
        b'{"files": {"../../etc/passwd": {}}}',
    ],
)
def test_given_a_manifest_that_is_none_then_the_check_says_so(folder, tools, content):
    (folder / "manifest.json").write_bytes(content)
    [problem] = tools.check(folder).problems
    assert problem.file == "manifest.json"
    assert "is not what onhand writes" in problem.what


def test_given_other_columns_than_there_should_be_then_the_file_is_named(whole, tools):
    path = whole / "movements-00000.parquet"
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["reason"]), path)
    tools.restated(whole, tools.key)
    report = tools.check(whole, tools.key.public)
    assert tools.found(report) == ["movements-00000.parquet: has other columns than it should have"]


def test_given_a_chain_that_begins_in_the_middle_then_it_is_no_whole_history(folder, tools):
    """The opening stock is only as good as the signature; a history that has none must begin at the beginning."""
    (folder / "opening-stock.parquet").unlink()
    manifest = Manifest.read((folder / "manifest.json").read_bytes())
    listed = {name: its for name, its in manifest.files.items() if name != "opening-stock.parquet"}
    tools.restated(folder, tools.other_key, files=listed, since=None, public_key=tools.other_key.public.text)
    report = tools.check(folder)
    assert "the chain of partition 0 does not begin at its beginning" in " ".join(tools.found(report))


def test_given_more_problems_than_can_be_listed_then_all_are_counted(whole, tools):
    tools.rewritten(whole, "movements-00000.parquet", lambda rows: [row.update(seal="x") for row in rows])
    tools.restated(whole, tools.other_key, public_key=tools.other_key.public.text)
    report = tools.check(whole)
    report.note(*report.problems * 20)
    assert len(report.problems) == PROBLEMS_MAX < report.found


async def test_given_a_movement_that_is_there_twice_with_seals_of_its_own_then_that_is_found(whole, tools):
    """A hub that counts twice would seal what it counts."""
    name = "movements-00001.parquet"
    twice = list(rows_of(whole / name))[5]
    manifest = Manifest.read((whole / "manifest.json").read_bytes())
    its = manifest.chain[1]
    sealed = seal(bytes.fromhex(its.last_seal), twice.movement).hex()
    tools.rewritten(
        whole, name, lambda rows: rows.append({**rows[5], "log_offset": its.last_offset + 1, "seal": sealed})
    )
    chain = {**manifest.chain, 1: replace(its, last_offset=its.last_offset + 1, last_seal=sealed)}
    tools.restated(whole, tools.key, chain=chain)
    said = tools.found(tools.check(whole, tools.key.public))
    assert "movements: 1 of them are there more than once, by their ids" in said
    assert not [one for one in said if one.startswith(name)]


def test_given_more_ids_than_are_held_in_memory_then_those_that_repeat_are_counted():
    with Once() as once:
        for number in range(600_000):
            once.add(f"0-{number}-0")
        assert once.repeats() == 0
        for number in range(0, 600_000, 50_000):
            once.add(f"0-{number}-0")
        assert once.repeats() == 12
