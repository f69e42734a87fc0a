"""Unpacks batches of the log into one room, over and over: to be given new memory for each takes as long as to unpack it."""

from __future__ import annotations

from typing import Any, NamedTuple

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

MOST = 1024 * 1024
"""Bytes of a batch's records, unpacked: the hub's own writer puts no more into one."""
HEAD, CODEC = 61, 22
"""Bytes of a batch before its records, and the one of them that names the codec, as Kafka's record format 2 has them."""


class Packed(NamedTuple):
    """A batch as aiokafka has it, and its bytes."""

    batch: Any
    data: memoryview


class Room:
    """Room for one batch's records at a time."""

    def __init__(self) -> None:
        self._bytes = bytearray(HEAD + MOST)
        self._all = memoryview(self._bytes)
        self._records = self._all[HEAD:]

    def values(self, packed: Packed, begin: int, end: int) -> list[bytes | None]:
        """The values of a batch's records from `begin` up to, not including, `end`. Raises what aiokafka raises for broken ones."""
        batch, records = packed.batch, self._unpacked(packed)
        if begin <= batch.base_offset and batch.next_offset <= end:
            return [record.value for record in records]
        return [record.value for record in records if begin <= record.offset < end]

    def _unpacked(self, packed: Packed) -> Any:
        """The batch with its records as they are; the batch itself where aiokafka has to unpack it: in another codec, or too large."""
        batch, data = packed
        if not isinstance(batch, DefaultRecordBatch) or batch.compression_type != batch.CODEC_ZSTD:
            return batch
        try:
            size = cramjam.zstd.decompress_into(data[HEAD:], self._records)
        except cramjam.DecompressionError:
            return batch
        self._all[:HEAD] = data[:HEAD]
        self._bytes[CODEC] &= ~batch.CODEC_MASK & 0xFF
        return DefaultRecordBatch(self._all[: HEAD + size])
