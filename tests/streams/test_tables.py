"""What every table's storage does, in memory and on disk. What only a disk does is in `test_rocks.py`."""

from __future__ import annotations

import pytest

from schemas.ledger import Stock
from streams.rocks import RocksStore
from streams.tables import OFFSET_HEADER, Cell, MemoryStore, Written, mark_of


@pytest.fixture
def cells(store, tmp_path):
    """An empty table."""
    made = RocksStore(tmp_path / "stock") if store == "rocksdict" else MemoryStore()
    yield made
    made.close()


@pytest.fixture
def changed(record):
    """Makes a changelog record, of a source offset."""
    return lambda key, value, source: record(key, value, headers=[(OFFSET_HEADER, b"%d" % source)])


def made(value: bytes, offset: int):
    return Cell(offset, value), value, ()


def test_given_records_in_any_order_then_the_highest_source_offset_stands_and_what_it_overcame_is_told(
    cells, changed
):
    cells.restore(1, [changed(b"A", b"new", 5), changed(b"A", b"newer", 6), changed(b"B", b"b", 5)])
    cells.restore(1, [changed(b"A", b"old", 3), changed(b"B", b"the same again", 5)])
    assert dict(cells.cells_of(1)) == {b"A": Cell(6, b"newer"), b"B": Cell(5, b"the same again")}
    assert cells.get(1, b"A") == Cell(6, b"newer")
    assert cells.strangers == {1: {b"A"}}


def test_given_partitions_then_none_sees_another_s_keys_and_forgetting_one_leaves_the_others(cells):
    for p in (0, 1, 255, 256):
        cells.put(p, {b"K": made(b"%d" % p, p)}, None)
    assert [cells.get(p, b"K").state for p in (0, 1, 255, 256)] == [b"0", b"1", b"255", b"256"]
    assert list(cells.cells_of(255)) == [(b"K", Cell(255, b"255"))]
    cells.forget(255)
    assert (cells.get(255, b"K"), cells.mark(255), list(cells.cells_of(255))) == (None, None, [])
    assert [key for p in (0, 1, 256) for key, _ in cells.cells_of(p)] == [b"K"] * 3


def test_given_more_keys_than_are_kept_decoded_then_those_used_last_are(store, tmp_path):
    held = RocksStore(tmp_path / "few", decoded=10) if store == "rocksdict" else MemoryStore(decoded=10)
    for n in range(100):
        held.put(0, {b"K%d" % n: (Cell(n, Stock(sku="MUG")), b"{}", ())}, None)
        held.get(0, b"K0")
    found = {n: held.get(0, b"K%d" % n) for n in range(100)}
    assert {n for n, cell in found.items() if cell.state != b"{}"} == {0, *range(91, 100)}
    assert {n: cell.offset for n, cell in found.items()} == {n: n for n in range(100)}
    held.close()


def test_given_a_restored_cell_then_what_was_decoded_before_counts_no_more(cells, changed):
    cells.put(0, {b"K": (Cell(1, Stock(sku="MUG")), b"{}", ())}, None)
    assert cells.get(0, b"K") == Cell(1, Stock(sku="MUG"))
    cells.restore(0, [changed(b"K", b"newer", 2)])
    assert cells.get(0, b"K") == Cell(2, b"newer")


def test_given_a_partition_that_is_forgotten_then_so_is_what_was_decoded_of_it(cells):
    cells.put(0, {b"K": (Cell(1, Stock(sku="MUG")), b"{}", ())}, None)
    cells.forget(0)
    assert cells.get(0, b"K") is None


def test_given_partitions_of_others_then_they_take_no_memory_and_those_of_ours_stay():
    cells = MemoryStore()
    for p in range(3):
        cells.put(p, {b"K": made(b"{}", p)}, None)
    cells.keep({1})
    assert [len(list(cells.cells_of(p))) for p in range(3)] == [0, 1, 0]


def test_given_two_records_then_their_marks_tell_them_apart_by_any_part(changed):
    ours = Written(4, b"K", b"value", (("ce_time", b"now"), (OFFSET_HEADER, b"4")))
    assert mark_of(ours) == mark_of(ours._replace(headers=list(ours.headers)))
    others = [
        ours._replace(offset=5),
        ours._replace(key=b"Kv", value=b"alue"),
        ours._replace(value=b"other"),
        ours._replace(headers=(("ce_time", b"later"), (OFFSET_HEADER, b"4"))),
    ]
    assert len({mark_of(record) for record in [ours, *others]}) == 5
