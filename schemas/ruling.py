"""How rules change: what a configuration file says, and what somebody decided since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.codec import adapter, describe
from schemas.rules import ChannelRules, Recipe, Rules

WIRING = frozenset({"publish", "ships_from", "pool", "wholesale_pool", "level"})
"""What says how a channel is connected, and not how much it may sell: only the configuration file changes that."""

NOTED = frozenset({"told_since"})
"""What the hub notes by itself."""

TELLING = frozenset({"shadow", "told_since"})
"""What says whether a platform is told its numbers, and not which these are."""

BUNDLES = "[bundles]"
"""What the digest of the bundles is called beside those of the channels; no channel may be called so."""


class BadRules(ValueError):
    """Rules that cannot be. The message says which, and what would be right."""


def digest(value: Any) -> str:
    """A short digest of a value's content.

    A rule that is newer than the first digests leaves no trace where it is not said: with it there would seem to be something new in
    every configuration file, which would take back what people decided since.
    """
    unsaid: Any = None
    if isinstance(value, ChannelRules):
        unsaid = _unsaid(value)
    elif isinstance(value, Rules):
        unsaid = {"channels": {name: _unsaid(its) for name, its in value.channels.items()}}
    return hashlib.sha256(adapter(type(value)).dump_json(value, exclude=unsaid)).hexdigest()[:12]


def _unsaid(rules: ChannelRules) -> set[str]:
    return {name for name in TELLING if getattr(rules, name) is None}


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


def noted(before: Rules | None, after: Rules, now: datetime) -> Rules:
    """The rules after a change, with the instant from which on each channel is told that was in shadow before."""
    channels = {}
    for name, its in after.channels.items():
        was = None if before is None else before.channels.get(name)
        since = its.told_since if was is None else now if was.shadow and not its.shadow else was.told_since
        channels[name] = replace(its, told_since=since)
    return replace(after, version=rules_of(channels, after.bundles).version, channels=channels)


def changed(rules: ChannelRules, patch: Mapping[str, Any]) -> ChannelRules:
    """The rules after a merge patch (RFC 7396): a value of null takes a rule back to its default. Raises `BadRules`."""
    whole, defaults = asdict(rules), asdict(ChannelRules())
    for name, value in patch.items():
        if name not in whole:
            raise BadRules(
                f"there is no rule {name!r}; rules are: {', '.join(sorted(whole.keys() - WIRING - NOTED))}"
            )
        if name in NOTED:
            raise BadRules(f"{name} is noted by the hub itself")
        if name in WIRING:
            raise BadRules(f"{name} says how the channel is connected: change it in the configuration file")
        if value is None:
            whole[name] = defaults[name]
        elif isinstance(whole[name], dict) and isinstance(value, Mapping):
            whole[name] = {key: one for key, one in {**whole[name], **value}.items() if one is not None}
        else:
            whole[name] = value
    try:
        return adapter(ChannelRules).validate_json(json.dumps(whole, default=str))
    except ValidationError as error:
        raise BadRules(describe(error)) from None


def touched(before: ChannelRules | None, after: ChannelRules) -> frozenset[str] | None:
    """The SKUs whose numbers a change may move; None: any."""
    if before is None or _for_all(before) != _for_all(after):
        return None
    one, other = before.safety_stock_by_sku, after.safety_stock_by_sku
    return frozenset(sku for sku in {*one, *other} if one.get(sku) != other.get(sku))


def _for_all(rules: ChannelRules) -> ChannelRules:
    """The rules as far as they are about the numbers of all SKUs."""
    return replace(rules, safety_stock_by_sku={}, shadow=None, told_since=None)


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
