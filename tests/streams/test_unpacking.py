"""What is unpacked into the same memory over and over is what aiokafka unpacks."""

from __future__ import annotations

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from streams.unpacking import MOST, Packed, Room

CODECS = {
    "none": DefaultRecordBatch.CODEC_NONE,
    "gzip": DefaultRecordBatch.CODEC_GZIP,
    "snappy": DefaultRecordBatch.CODEC_SNAPPY,
    "zstd": DefaultRecordBatch.CODEC_ZSTD,
}
SOME = [b"first", None, b"", b"{}" * 300, b"last"]
MANY = [bytes([number % 251]) * 1_000 for number in range(MOST // 1_000 + 1)]


def packed(values, codec="zstd"):
    """A batch, as it lies in the log from offset 0 on."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2 * MOST,
    )
    for offset, value in enumerate(values):
        assert builder.append(offset, 0, b"key", value, [("ce_id", b"1")])
    data = bytes(builder.build())
    return Packed(DefaultRecordBatch(data), memoryview(data))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("values", [SOME, MANY], ids=["few", "more than there is room for"])
def test_given_a_batch_in_any_codec_and_of_any_size_then_its_values_are_all_there(codec, values):
    room = Room()
    for _ in range(2):
        assert room.values(packed(values, codec), 0, len(values)) == values
        assert room.values(packed(SOME[::-1]), 0, len(SOME)) == SOME[::-1], "nothing is left of the last"


def test_given_two_offsets_then_the_values_between_them_are_read():
    for begin, end in ((0, 5), (1, 5), (0, 4), (2, 3), (3, 3), (5, 9)):
        assert Room().values(packed(SOME), begin, end) == SOME[begin:end]
