"""Whether a competitor of `bench_ledger.py` came to what it had to: its outputs and its changelog, key by key, beside the legs that were
written. Nothing here folds as a competitor does: the sums are made by `ledger_sets.fill`, while the movements are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from ledger_sets import Balances, without_zeros

from schemas.availability import ChannelQuantity
from schemas.codec import decode
from schemas.ledger import Stock

Newest = dict[bytes, bytes]
"""The newest value of every key of a topic."""

Compare = Callable[[Balances, Newest, Newest], list[str]]
"""Given the balances, the outputs and the changelog: what is wrong, in words."""


def as_written(restored: Callable[[Newest], dict[bytes, Any]]) -> Compare:
    """Outputs and changelog both hold the balances; the changelog in a form of its own."""

    def compare(expected: Balances, outputs: Newest, changes: Newest) -> list[str]:
        return [
            *differences("outputs", named(outputs), expected),
            *differences("changelog", restored(changes), expected),
        ]

    return compare


def as_published(expected: Balances, outputs: Newest, changes: Newest) -> list[str]:
    """Onhand's changelog holds the balances, and with the boundary accounts each SKU's add up to nothing; its outputs hold what may be
    sold of that: what is available where the SKU is tracked. Of a SKU that is tracked nowhere any more nothing is told.
    """
    stocks = {key: decode(Stock, value) for key, value in changes.items()}
    numbers = {
        b"web|" + key: sum(max(0, expected[key].get(f"{place}/available", 0)) for place in stock.tracked)
        for key, stock in stocks.items()
        if stock.tracked and key in expected
    }
    told = {key: decode(ChannelQuantity, value).quantity for key, value in outputs.items() if key in numbers}
    return [
        *differences("changelog", {key: cells(stock) for key, stock in stocks.items()}, expected),
        *differences(
            "conservation", {key: stock.total() for key, stock in stocks.items()}, dict.fromkeys(stocks, 0)
        ),
        *differences("outputs", told, numbers),
        *([] if numbers else ["outputs: no SKU is tracked"]),
    ]


def differences(what: str, found: dict[bytes, Any], expected: dict[bytes, Any]) -> Iterator[str]:
    """Nothing, or how many keys differ, and how the first of them do: all of them would be millions of lines."""
    keys = sorted(
        key for key in found.keys() | expected.keys() if key not in found or found[key] != expected.get(key)
    )
    if keys:
        examples = "; ".join(
            f"{key.decode()} is {found.get(key)} and not {expected.get(key)}" for key in keys[:3]
        )
        yield f"{what}: {len(keys):,} keys differ: {examples}"


def named(values: Newest) -> dict[bytes, Any]:
    """Values that hold their balances under that name."""
    return dictionaries((key, orjson.loads(value)["balances"]) for key, value in values.items())


def faust_table(values: Newest) -> dict[bytes, Any]:
    """A Faust table's changelog: the key as JSON, the value is the balances."""
    return dictionaries((orjson.loads(key).encode(), orjson.loads(value)) for key, value in values.items())


def quix_state(values: Newest) -> dict[bytes, Any]:
    """A Quix state's changelog: the key as JSON with the state's name behind it, the value is the balances."""
    return dictionaries(
        (orjson.loads(key.removesuffix(b'|"balances"')).encode(), orjson.loads(value))
        for key, value in values.items()
    )


def dictionaries(balances: Iterable[tuple[bytes, dict[str, int]]]) -> dict[bytes, Any]:
    return {key: without_zeros(units) for key, units in balances}


def cells(stock: Stock) -> dict[str, int]:
    """Onhand's own stock as the others write theirs."""
    return without_zeros(
        {
            f"{location}/{state}": units
            for location, states in stock.locations.items()
            for state, units in states.items()
        }
    )
