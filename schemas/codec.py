"""Bytes to values and back, and the CloudEvents headers that every record carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

import msgspec
from pydantic import TypeAdapter, ValidationError

from schemas.topics import Topic

Value = TypeVar("Value")
Headers = Sequence[tuple[str, bytes]]


PLACE_KEEPER = b'{"moved":true}'
"""The value of a record, without a key, that stands where one has moved to another partition (`onhand repartition`). Nobody's input."""


class Undecodable(Exception):
    """These bytes are not what the topic holds. The message says where and why, never what they were."""


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(kind: type[Value]) -> TypeAdapter[Value]:
    """The validator and serializer of a type; built once, because building costs milliseconds."""
    known = _ADAPTERS.get(kind)
    if known is None:
        known = _ADAPTERS[kind] = TypeAdapter(kind)
    return known


_to_json: Callable[[Any], Callable[..., bytes]] = cache(lambda kind: adapter(kind).serializer.to_json)
_from_json: Callable[[Any], Callable[[bytes], Any]] = cache(
    lambda kind: adapter(kind).validator.validate_json
)


def encode(value: Any) -> bytes:
    """The JSON of a value, fields that say nothing (None) left out."""
    return _to_json(type(value))(value, exclude_none=True)


def decode(kind: type[Value], data: bytes | None) -> Value:
    """The value in `data`. Raises `Undecodable`, which names the field, not its content."""
    if data is None:
        raise Undecodable("the record has no value")
    try:
        value: Value = _from_json(kind)(data)
    except ValidationError as error:
        raise Undecodable(describe(error)) from None
    return value


_recall: Callable[[Any], Callable[[bytes], Any]] = cache(lambda kind: msgspec.json.Decoder(kind).decode)


def recall(kind: type[Value], data: bytes) -> Value:
    """The value in bytes that `encode` made of it, in a third of the time that it takes to doubt them: what a table holds was
    checked before it was folded. A state of another version is judged by `decode`, which refuses fields that it does not know.

    Raises `Undecodable`.
    """
    if data.endswith(VERSION_1):
        try:
            value: Value = _recall(kind)(data)
        except msgspec.DecodeError:
            pass
        else:
            return value
    return decode(kind, data)


VERSION_1 = b'"v":1}'
"""How the bytes of a state end. Whoever adds a field to one gives it another version."""


def describe(error: ValidationError) -> str:
    """A validation error in one line without the offending input, which may be personal."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)[:5]
    )


def headers(topic: Topic, ident: str, source: str, time: datetime) -> Headers:
    """CloudEvents 1.0 attributes in Kafka's binary mode."""
    return (VERSION, ("ce_id", ident.encode()), *_shared(topic, source, time))


VERSION = ("ce_specversion", b"1.0")
CONTENT = ("content-type", b"application/json")


@lru_cache(maxsize=1_024)
def _shared(topic: Topic, source: str, time: datetime) -> Headers:
    """What all records of one kind, source and instant have in common; a chunk of records shares a few instants."""
    stamp = time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        ("ce_type", topic.event.encode()),
        ("ce_source", f"/onhand/{source}".encode()),
        ("ce_time", stamp.encode()),
        CONTENT,
    )
