"""Bytes to values and back, and the CloudEvents headers that every record carries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from schemas.topics import Topic

Value = TypeVar("Value")
Headers = Sequence[tuple[str, bytes]]


class Undecodable(Exception):
    """These bytes are not what the topic holds. The message says where and why, never what they were."""


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(kind: type[Value]) -> TypeAdapter[Value]:
    """The validator and serializer of a type; built once, because building costs milliseconds."""
    known = _ADAPTERS.get(kind)
    if known is None:
        known = _ADAPTERS[kind] = TypeAdapter(kind)
    return known


def encode(value: Any) -> bytes:
    """The JSON of a value, fields that say nothing (None) left out."""
    return adapter(type(value)).serializer.to_json(value, exclude_none=True)


def decode(kind: type[Value], data: bytes | None) -> Value:
    """The value in `data`. Raises `Undecodable`, which names the field, not its content."""
    if data is None:
        raise Undecodable("the record has no value")
    try:
        value: Value = adapter(kind).validator.validate_json(data)
    except ValidationError as error:
        raise Undecodable(describe(error)) from None
    return value


def describe(error: ValidationError) -> str:
    """A validation error in one line without the offending input, which may be personal."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)[:5]
    )


def headers(topic: Topic, ident: str, source: str, time: datetime) -> Headers:
    """CloudEvents 1.0 attributes in Kafka's binary mode."""
    return [
        VERSION,
        ("ce_id", ident.encode()),
        *_shared(topic.event, source),
        ("ce_time", _stamp(time)),
        CONTENT,
    ]


VERSION = ("ce_specversion", b"1.0")
CONTENT = ("content-type", b"application/json")


@lru_cache(maxsize=1_024)
def _shared(event: str, source: str) -> Headers:
    """What all records of one kind and source have in common."""
    return ("ce_type", event.encode()), ("ce_source", f"/onhand/{source}".encode())


@lru_cache(maxsize=1_024)
def _stamp(time: datetime) -> bytes:
    """An instant as CloudEvents writes it; a chunk of records shares a few."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
