"""Where a record goes is what any producer of Kafka would say."""

from __future__ import annotations

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.writer import partition_of


@given(key=st.binary(max_size=60), partitions=st.integers(1, 1_000))
def test_given_any_key_then_its_partition_is_the_one_that_kafkas_own_clients_choose(key, partitions):
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
