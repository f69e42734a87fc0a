"""Which rules held when, and who decided what a step of a number comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.rules import ChannelRules, Rules


def in_force(events: Sequence[Rules], at: datetime | None = None) -> Rules | None:
    """The rules that held at an instant (None: the newest), of every change, oldest first. None: none held yet."""
    held = (rules for rules in reversed(events) if at is None or rules.at is None or rules.at <= at)
    return next(held, None)


VALUES: Mapping[str, Callable[[ChannelRules, str, str], Any]] = {
    "safety_stock": lambda its, sku, location: its.holds(sku, location, 0)["safety_stock"],
    "safety_percent": lambda its, *_: its.safety_percent,
    "in_store_buffer": lambda its, _, location: (its.buffers or {}).get(location),
    "threshold": lambda its, *_: its.threshold,
    "share_percent": lambda its, *_: its.share_percent,
    "cap": lambda its, *_: its.cap,
    "preorder": lambda its, sku, _: its.preorder_of(sku),
    "backorder": lambda its, sku, _: its.backorder_of(sku),
    "ships": lambda its, _, location: its.leaves_out(location),
    "pickup": lambda its, _, location: its.leaves_out(location),
}
"""What each rule says of a SKU at a location, by the name that a step has for it."""


def decided(
    events: Sequence[Rules], held: Rules, channel: str, rule: str, sku: str, location: str
) -> Rules | None:
    """The change since which a rule says what it does of a SKU at a location, in the rules that `held`. None: nobody decided that (it
    follows from the balances), or it is not known.
    """
    value = VALUES.get(rule)
    if value is None or held not in events:
        return None
    said = value(held.channels[channel], sku, location)
    since: Rules | None = None
    for one in reversed(events[: events.index(held) + 1]):
        its = one.channels.get(channel)
        if its is None or value(its, sku, location) != said:
            break
        since = one
    return since
