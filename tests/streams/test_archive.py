"""Records in a file are the records that were put there, and a file that was touched is refused."""

from __future__ import annotations

import pytest

from streams.archive import ROW_GROUP, Kept, Shelf, kept


def test_given_records_then_a_file_gives_them_back_with_their_offsets_instants_and_headers(tmp_path, record):
    file = tmp_path / "claims-0.parquet"
    records = [
        record(b"key", b'{"n":%d}' % number, offset=2 * number, headers=[("ce_id", b"%d" % number)])
        for number in range(ROW_GROUP + 10)
    ]
    shelf = Shelf(file)
    for start in range(0, len(records), 7_000):
        shelf.add(records[start : start + 7_000])
    shelf.close()
    assert shelf.count == len(records)
    found = [one for some in kept(file) for one in some]
    assert found == [Kept(one.offset, one.timestamp, one.key, one.value, one.headers) for one in records]


def test_given_nothing_then_the_file_is_there_and_says_so(tmp_path):
    shelf = Shelf(tmp_path / "bundles-0.parquet")
    shelf.close()
    assert list(kept(tmp_path / "bundles-0.parquet")) == []


def test_given_bytes_without_key_or_meaning_then_they_are_kept_as_they_are(tmp_path, record):
    shelf = Shelf(tmp_path / "claims-0.parquet")
    shelf.add([record(b"", b"\xff\x00not json", offset=5), record(b"key", b"", offset=6)])
    shelf.close()
    ((first, second),) = kept(tmp_path / "claims-0.parquet")
    assert (first.key, first.value, first.headers, second.value) == (b"", b"\xff\x00not json", (), b"")


def test_given_a_byte_that_was_changed_then_the_page_is_refused(tmp_path, record):
    file = tmp_path / "claims-0.parquet"
    shelf = Shelf(file)
    shelf.add([record(b"key", b"%d" % number * 50, offset=number) for number in range(1_000)])
    shelf.close()
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(OSError, match=r"CRC|checksum|corrupt"):
        list(kept(file))
