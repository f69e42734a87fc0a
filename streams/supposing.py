"""Rules that are supposed for a while: what a file says in the shapes of `onhand.toml`, laid over the rules that hold or held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, ValidationInfo, model_validator

from schemas.accounts import UNROUTED
from schemas.rules import NOTHING_SAID, ChannelRules, LocationRules, Recipe, Routing, Rules
from schemas.ruling import NOTED, rules_of
from streams.settings import FROZEN, BadConfiguration, Settings, faults, read_toml

RULES = sorted(one.name for one in fields(ChannelRules) if one.name not in NOTED)


class _Channel(BaseModel):
    """What is supposed of a channel."""

    model_config = FROZEN

    rules: ChannelRules = ChannelRules()


class _File(BaseModel):
    """All that is supposed."""

    model_config = FROZEN

    channels: dict[str, _Channel] = {}
    locations: dict[str, LocationRules] = {}
    bundles: dict[str, Recipe] = {}

    @model_validator(mode="before")
    @classmethod
    def _rules_are_known(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Every rule that is named is one."""
        for name, channel in _tables(content.get("channels")):
            for _, rules in _tables({"rules": channel.get("rules")}):
                if unknown := sorted(rules.keys() - set(RULES)):
                    raise ValueError(
                        f"channels.{name}: rules: {unknown[0]}: there is no such rule; rules are: {', '.join(RULES)}"
                    )
        return content

    @model_validator(mode="after")
    def _names_are_known(self, info: ValidationInfo) -> _File:
        """Every channel and location that is named is configured."""
        settings = info.context
        assert isinstance(settings, Settings), "the caller says what is configured"
        _known("channels", self.channels, settings.channels, "channel")
        _known("locations", self.locations, settings.locations, "location")
        for name, channel in self.channels.items():
            its = channel.rules
            named = {
                "locations": its.locations or (),
                "safety_stock_by_location": its.safety_stock_by_location,
                "ships_from": (its.ships_from,),
            }
            for rule, places in named.items():
                if unknown := sorted(set(places) - {*settings.locations, UNROUTED}):
                    raise ValueError(
                        f"channels.{name}: rules: {rule}: unknown location {unknown[0]!r}; locations are: "
                        f"{', '.join(sorted(settings.locations)) or 'none'}"
                    )
        for name, recipe in self.bundles.items():
            if nested := sorted(recipe.keys() & {*self.bundles, *settings.bundles}):
                raise ValueError(
                    f"bundles.{name}: {nested[0]!r} is a bundle itself; list the components it is made of"
                )
        return self


def _tables(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables in a table; what is none is the validation's matter."""
    if isinstance(content, dict):
        yield from ((name, its) for name, its in content.items() if isinstance(its, dict))


def _known(section: str, said: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
    if unknown := sorted(said.keys() - known.keys()):
        raise ValueError(
            f"{section}.{unknown[0]}: there is no such {what}; {section} are: {', '.join(sorted(known)) or 'none'}"
        )


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is said of each channel and location, by the names of the rules, and of bundles. What it does not say stays as it was."""

    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    locations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bundles: Mapping[str, Recipe] = field(default_factory=dict)
    routing: Routing | None = None

    def said(self) -> dict[str, Any]:
        """All of it, as the file says it."""
        return {name: dict(getattr(self, name)) for name in ("channels", "locations", "bundles")} | {
            "routing": self.routing
        }

    def over(self, rules: Rules) -> Rules:
        """The rules with it laid over them. Of a rule that is a table, what it says of a key holds for that key."""
        channels = {name: self._channel(name, its) for name, its in rules.channels.items()}
        locations = {
            name: replace(rules.locations.get(name, NOTHING_SAID), **self.locations.get(name, {}))
            for name in {*rules.locations, *self.locations}
        }
        return rules_of(
            channels, {**rules.bundles, **self.bundles}, locations, at=rules.at, edition=rules.edition
        )

    def _channel(self, name: str, its: ChannelRules) -> ChannelRules:
        said = dict(self.channels.get(name, {}))
        if self.routing is not None:
            said.setdefault("routing", self.routing)
        merged: dict[str, Any] = {
            rule: {**(getattr(its, rule) or {}), **value} if isinstance(value, dict) else value
            for rule, value in said.items()
        }
        return replace(its, **merged)


def supposed(path: Path | None, settings: Settings, routing: Routing | None = None) -> Supposed:
    """What a file says, checked against what is configured. Raises `BadConfiguration`, which names the line and what would be right."""
    if path is None:
        return Supposed(routing=routing)
    text, content = read_toml(path)
    try:
        read = _File.model_validate(content, context=settings)
    except ValidationError as error:
        raise BadConfiguration("\n".join(faults(path, text, error))) from None
    return Supposed(
        channels={
            name: {rule: getattr(its.rules, rule) for rule in content["channels"][name].get("rules", {})}
            for name, its in read.channels.items()
        },
        locations={
            name: {rule: getattr(its, rule) for rule in content["locations"][name]}
            for name, its in read.locations.items()
        },
        bundles=read.bundles,
        routing=routing,
    )
