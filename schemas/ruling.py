"""How rules change: what a configuration file says, and what somebody decided since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pydantic import ValidationError

from schemas.codec import adapter, describe
from schemas.rules import ChannelRules, Recipe, Rules

WIRING = frozenset({"publish", "ships_from", "pool", "wholesale_pool", "level"})
"""What says how a channel is connected, and not how much it may sell: only the configuration file changes that."""


BUNDLES = "[bundles]"
"""What the digest of the bundles is called beside those of the channels; no channel may be called so."""


class BadRules(ValueError):
    """Rules that cannot be. The message says which, and what would be right."""


def digest(value: Any) -> str:
    """A short digest of a value's content."""
    return hashlib.sha256(adapter(type(value)).dump_json(value)).hexdigest()[:12]


def rules_of(channels: Mapping[str, ChannelRules], bundles: Mapping[str, Recipe], **more: Any) -> Rules:
    """Rules, under the version that follows from their content."""
    made = Rules(version="", channels=dict(sorted(channels.items())), bundles=dict(sorted(bundles.items())))
    return replace(made, version=digest(made), **more)


def merged(newest: Rules | None, file: Rules) -> Rules:
    """What holds when a configuration file says `file`, and the newest event said `newest`.

    Of each channel the file holds where it says something else than it did when the newest event was made; else the event.
    """
    said = {name: digest(its) for name, its in file.channels.items()} | {BUNDLES: digest(dict(file.bundles))}
    last = newest or Rules(version="")
    before = last.configured or {}
    kept = {name for name, content in said.items() if before.get(name) == content}
    channels = {
        name: last.channels[name] if name in kept & last.channels.keys() else its
        for name, its in file.channels.items()
    }
    made = rules_of(channels, last.bundles if BUNDLES in kept else file.bundles, configured=said)
    return last if (last.version, last.configured) == (made.version, said) else made


def changed(rules: ChannelRules, patch: Mapping[str, Any]) -> ChannelRules:
    """The rules after a merge patch (RFC 7396): a value of null takes a rule back to its default. Raises `BadRules`."""
    whole, defaults = asdict(rules), asdict(ChannelRules())
    for name, value in patch.items():
        if name not in whole:
            raise BadRules(
                f"there is no rule {name!r}; rules are: {', '.join(sorted(whole.keys() - WIRING))}"
            )
        if name in WIRING:
            raise BadRules(f"{name} says how the channel is connected: change it in the configuration file")
        if value is None:
            whole[name] = defaults[name]
        elif isinstance(whole[name], dict) and isinstance(value, Mapping):
            whole[name] = {key: one for key, one in {**whole[name], **value}.items() if one is not None}
        else:
            whole[name] = value
    try:
        return adapter(ChannelRules).validate_json(json.dumps(whole))
    except ValidationError as error:
        raise BadRules(describe(error)) from None


def touched(before: ChannelRules | None, after: ChannelRules) -> frozenset[str] | None:
    """The SKUs whose numbers a change may move; None: any."""
    if before is None or replace(before, safety_stock_by_sku={}) != replace(after, safety_stock_by_sku={}):
        return None
    one, other = before.safety_stock_by_sku, after.safety_stock_by_sku
    return frozenset(sku for sku in {*one, *other} if one.get(sku) != other.get(sku))


def changes(events: Sequence[Rules]) -> list[dict[str, Any]]:
    """What each event changed, newest first: version, who, when, and the names of the rules by channel (all of a new one)."""
    found: list[dict[str, Any]] = []
    before = Rules(version="")
    for one in events:
        what = {}
        for name, its in one.channels.items():
            was = asdict(before.channels[name]) if name in before.channels else {}
            if new := [rule for rule, value in asdict(its).items() if rule not in was or was[rule] != value]:
                what[name] = new
        found.append({"version": one.version, "by": one.by, "at": one.at, "changed": what})
        before = one
    return found[::-1]
