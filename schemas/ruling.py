"""How rules change: what a configuration file says, and what somebody decided since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas.codec import adapter, describe
from schemas.rules import BY_SKU, NOTHING_SAID, ChannelRules, LocationRules, Recipe, Rules

WIRING = frozenset({"publish", "ships_from", "pool", "wholesale_pool", "level"})
"""What says how a channel is connected, and not how much it may sell: only the configuration file changes that."""

NOTED = frozenset({"told_since", "closed", "buffers"})
"""What the hub notes by itself."""

TELLING = frozenset({"shadow", "told_since"})
"""What says whether a platform is told its numbers, and not which these are."""

ASIDE = TELLING | {"routing"}
"""What moves no number."""

NEWER = (
    TELLING
    | NOTED
    | {"safety_percent", "backorder", "backorder_by_sku", "preorder", "preorder_by_sku", "pickup", "routing"}
)
"""Rules that are newer than the first digests."""

BUNDLES = "[bundles]"
"""What the digest of the bundles is called beside those of the channels; no channel may be called so."""

LOCATIONS = "[locations]"
"""What that of the locations is called, where anything is said of them."""

LOCATION = "location:"
"""Before the name of a location whose rules change, where that of a channel could stand."""


AnyRules = TypeVar("AnyRules", ChannelRules, LocationRules)


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
        unsaid |= {} if value.locations else {"locations": True}
    return hashlib.sha256(adapter(type(value)).dump_json(value, exclude=unsaid)).hexdigest()[:12]


def _unsaid(rules: ChannelRules) -> set[str]:
    return {name for name in NEWER if getattr(rules, name) == getattr(PLAIN, name)}


PLAIN = ChannelRules()


def rules_of(
    channels: Mapping[str, ChannelRules],
    bundles: Mapping[str, Recipe],
    locations: Mapping[str, LocationRules] | None = None,
    **more: Any,
) -> Rules:
    """Rules, under the version that follows from their content. What the locations are for is noted at each channel."""
    said = {name: its for name, its in sorted((locations or {}).items()) if its != NOTHING_SAID}
    made = Rules(
        version="",
        channels={name: its.placed(said) for name, its in sorted(channels.items())},
        bundles=dict(sorted(bundles.items())),
        locations=said,
    )
    return replace(made, version=digest(made), **more)


def merged(newest: Rules | None, file: Rules) -> Rules:
    """What holds when a configuration file says `file`, and the newest event said `newest`.

    Of each channel the file holds where it says something else than it did when the newest event was made; else the event. So it is
    with the bundles, and with what the locations are for.
    """
    said = {name: digest(its.placed({})) for name, its in file.channels.items()}
    said[BUNDLES] = digest(dict(file.bundles))
    if file.locations:
        said[LOCATIONS] = digest(dict(file.locations))
    last = newest or Rules(version="")
    before = last.configured or {}
    kept = {name for name in (*said, LOCATIONS) if before.get(name) == said.get(name)}
    channels = {
        name: last.channels[name] if name in kept & last.channels.keys() else its
        for name, its in file.channels.items()
    }
    bundles = last.bundles if BUNDLES in kept else file.bundles
    locations = last.locations if LOCATIONS in kept else file.locations
    made = rules_of(channels, bundles, locations, configured=said)
    return last if (last.version, last.configured) == (made.version, said) else made


def noted(before: Rules | None, after: Rules, now: datetime) -> Rules:
    """The rules after a change, with the instant from which on each channel is told that was in shadow before."""
    channels = {}
    for name, its in after.channels.items():
        was = None if before is None else before.channels.get(name)
        since = its.told_since if was is None else now if was.shadow and not its.shadow else was.told_since
        channels[name] = replace(its, told_since=since)
    return replace(
        after, version=rules_of(channels, after.bundles, after.locations).version, channels=channels
    )


def changed(rules: AnyRules, patch: Mapping[str, Any]) -> AnyRules:
    """The rules of a channel, or of a location, after a merge patch (RFC 7396): a value of null takes a rule back to its default. Raises
    `BadRules`.
    """
    kind: type[AnyRules] = type(rules)
    whole, defaults = asdict(rules), asdict(kind())
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
        elif (name in BY_SKU or isinstance(whole[name], dict)) and isinstance(value, Mapping):
            merged_in = {**(whole[name] or {}), **value}
            whole[name] = {key: one for key, one in merged_in.items() if one is not None} or defaults[name]
        else:
            whole[name] = value
    try:
        return adapter(kind).validate_json(json.dumps(whole, default=str), strict=True)
    except ValidationError as error:
        raise BadRules(describe(error)) from None


def touched(before: ChannelRules | None, after: ChannelRules) -> frozenset[str] | None:
    """The SKUs whose numbers a change may move; None: any."""
    if before is None or _for_all(before) != _for_all(after):
        return None
    pairs = [(getattr(before, name) or {}, getattr(after, name) or {}) for name in BY_SKU]
    return frozenset(sku for one, other in pairs for sku in {*one, *other} if one.get(sku) != other.get(sku))


def _for_all(rules: ChannelRules) -> ChannelRules:
    """The rules as far as they are about the numbers of all SKUs."""
    return replace(rules, **{name: getattr(PLAIN, name) for name in (*BY_SKU, *ASIDE)})


def changes(events: Sequence[Rules]) -> list[dict[str, Any]]:
    """What each event changed, newest first: version, who, when, and the names of the rules by channel (all of a new one), and by
    `location:<name>`.
    """
    found: list[dict[str, Any]] = []
    before = Rules(version="")
    for one in events:
        was, now = _by_name(before), _by_name(one)
        new = {
            name: [rule for rule, value in its.items() if was.get(name, {}).get(rule, its) != value]
            for name, its in now.items()
        }
        what = {name: names for name, names in new.items() if names}
        found.append({"version": one.version, "by": one.by, "at": one.at, "changed": what})
        before = one
    return found[::-1]


def _by_name(rules: Rules) -> dict[str, dict[str, Any]]:
    """The rules of each channel, and those of each location of which anything is said."""
    of_locations = {f"{LOCATION}{name}": asdict(its) for name, its in rules.locations.items()}
    return {name: asdict(its) for name, its in rules.channels.items()} | of_locations
