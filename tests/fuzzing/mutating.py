"""Documents that are nearly right: one thing of a good one is changed into what no platform should send, and one may."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

EVIL: tuple[Any, ...] = (
    *(None, True, False, "", " ", "\0", "\ud800", "null", "NaN", "-0", "1e400", "٣", "½", "²", "x" * 300),
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5, -0.0, 1e308, 5e-324),
    *(float("nan"), float("inf"), float("-inf")),
    *([], {}, [None], [[]], [{}], {"": {}}, [1, "1"], ["a"] * 3),
    *("0000-00-00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01", "9999-12-31"),
    *("2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T10:00:00+23:59", "20261120", "2026-W01-1"),
    *("2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00", "0000-00-00 00:00:00", "99991231", "00000000"),
    *("1_000", "1,5", "+1", "1e3", "0x10", "-1", "1.0", "999999999999999999999", "12345678901234567890123"),
    *("=1+1", "'; --", "../../etc", "onhand:", "onhand:;1", "order/web/1;2", "a:b:c", "gid://x/Y/1", "@"),
)
"""Values that no field may fall over."""

DEEP = 200


def leaves(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where everything in a document is, the document itself among them."""
    yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, *path, key)


def mutated(raw: bytes, chance: Random) -> bytes:
    """What stands behind the first line of an input is changed: as JSON where it is that, else as bytes."""
    head, newline, body = raw.partition(b"\n")
    try:
        document = json.loads(body)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            document = _changed(document, chance)
        changed = json.dumps(document, ensure_ascii=chance.random() < 0.9).encode(errors="surrogatepass")
    except (ValueError, RecursionError):  # it is no JSON, or deeper than Python goes
        changed = _bytes(body, chance)
    return head + newline + changed


def _changed(document: Any, chance: Random) -> Any:
    path = chance.choice(list(leaves(document)))
    if not path:
        return copy.deepcopy(chance.choice(EVIL)) if chance.random() < 0.05 else document
    at = document
    for key in path[:-1]:
        at = at[key]
    key = path[-1]
    match chance.randrange(8):
        case 0 if isinstance(at, dict):
            del at[key]
        case 1 if isinstance(at, list):
            at.insert(key, copy.deepcopy(at[key]))
        case 2:
            at[key] = _deep(at[key], chance.randrange(1, DEEP))
        case 3 if isinstance(at, dict):
            at[chance.choice(list(at))] = copy.deepcopy(at[key])
        case 4 if isinstance(at[key], str):
            at[key] = _text(at[key], chance)
        case 5 if isinstance(at[key], int | float):
            at[key] = str(at[key]) if chance.random() < 0.5 else -at[key]
        case _:
            at[key] = copy.deepcopy(chance.choice(EVIL))
    return document


def _deep(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _text(text: str, chance: Random) -> str:
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chance.choice(("\0", " ", "\n", "\ud800", "é", "0", "-", "/", "", "9" * 30))
        + text[at + 1 :]
    )


def _bytes(body: bytes, chance: Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0:
                changed[at:at] = chance.randbytes(chance.randrange(1, 5))
            case 1:
                del changed[at : at + chance.randrange(1, 20)]
            case 2:
                changed[at:at] = changed[max(0, at - chance.randrange(1, 60)) : at]
            case 3:
                said = chance.choice([one for one in EVIL if isinstance(one, str | int)])
                changed[at:at] = str(said).encode(errors="surrogatepass")[:400]
            case _:
                changed[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(changed)
