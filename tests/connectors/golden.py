"""The fixtures of all platforms, and how one field of a document is changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.contract import Connector, Payload
from connectors.errors import Refused
from connectors.registry import CONNECTORS
from schemas.codec import encode

ROOM = Path(connectors.__file__).parent
FIXTURES = [
    pytest.param(CONNECTORS[name], json.loads(file.read_text()), id=f"{name}-{file.stem}")
    for name in sorted(CONNECTORS)
    for file in sorted((ROOM / name / "fixtures").glob("*.json"))
]


def said(connector: Connector, topic: str, body: Any, channel: str = "channel") -> str:
    """What a document claims as JSON, or the reason why it cannot."""
    try:
        return encode(connector.read(channel, Payload(topic, body))).decode()
    except Refused as refusal:
        return str(refusal)


def leaves(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where the plain values of a document are."""
    if isinstance(value, dict | list) and value:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, *path, key)
    else:
        yield path


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value there."""
    body = at = copy.deepcopy(document)
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return body
