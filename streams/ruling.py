"""The rules in force, as events: what a configuration file says, and what somebody changed since. Every process follows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from projections.pool import leadership
from schemas.codec import PLACE_KEEPER, Undecodable, decode, encode, headers
from schemas.rules import LocationRules, Rules
from schemas.ruling import LOCATION, BadRules, changed, merged, noted, rules_of
from schemas.topics import RULES
from streams.reader import Reader
from streams.settings import Settings
from streams.stages import Naming
from streams.writer import NotWritten, Out, Writer

log = structlog.get_logger()

FOLLOW_EVERY = 0.25
"""Seconds between two looks for new rules."""


@dataclass(slots=True, kw_only=True)
class Ruling:
    """The events of the topic `rules`, as far as they were read. Of two of one edition, the later written one is newer. `file` is
    a configuration that was not taken into account yet.
    """

    reader: Reader
    writer: Writer
    naming: Naming
    dsn: str
    file: Settings | None = None
    newest: Rules | None = None
    known: dict[str, Rules] = field(default_factory=dict)
    history: list[tuple[tuple[int, int], Rules]] = field(default_factory=list)
    _next: dict[int, int] = field(default_factory=dict)
    _order: tuple[int, int] = (-1, -1)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def topic(self) -> str:
        """The topic's full name."""
        return self.naming(RULES)

    @property
    def events(self) -> list[Rules]:
        """Every change, oldest first."""
        return [rules for _, rules in sorted(self.history, key=lambda one: one[0])]

    async def read(self) -> bool:
        """Takes in what is new. Returns whether other rules are the newest now. Raises `KafkaError`."""
        async with self._turn:
            before = self.newest
            ends = await self.reader.ends(self.topic, range(self.writer.partitions))
            for partition, end in ends.items():
                start = self._next.get(partition, 0)
                async for records in self.reader.read(self.topic, partition, start, end):
                    for record in records:
                        self._take(record)
                self._next[partition] = end
            return self.newest is not before

    def _take(self, record: ConsumerRecord) -> None:
        if record.value == PLACE_KEEPER:
            return
        try:
            rules = decode(Rules, record.value)
        except Undecodable as error:
            log.error(
                "these are no rules", partition=record.partition, offset=record.offset, reason=str(error)
            )
            return
        self.known[rules.version] = rules
        order = rules.edition or 0, record.timestamp
        self.history.append((order, rules))
        if order >= self._order:
            self._order, self.newest = order, rules

    async def configured(self, settings: Settings, now: datetime) -> Rules:
        """The rules that hold with a configuration file; an event says so, if they are other ones than before.

        Raises `KafkaError`, `NotWritten`.
        """
        await self.read()
        rules = merged(self.newest, settings.rules)
        if rules is not self.newest:
            rules = noted(self.newest, rules, now)
            await self._write(replace(rules, by="onhand.toml", at=now, edition=self._edition))
        return rules

    async def change(
        self, settings: Settings, channel: str, patch: Mapping[str, Any], by: str, now: datetime
    ) -> Rules:
        """Changes the rules of a channel, or of a `location:<name>`, by a merge patch; one change at a time, whoever makes it.

        Raises `BadRules`, `KafkaError`, `NotWritten`, `DatabaseError`.
        """
        async with leadership(self.dsn, f"{self.naming.prefix}rules"):
            await self.read()
            last = self.newest
            if last is None:
                raise BadRules("no rules are in force yet: start the hub first")
            channels, locations = last.channels, last.locations
            if channel.startswith(LOCATION):
                locations = _relocated(settings, locations, channel.removeprefix(LOCATION), patch)
            elif channel in channels:
                channels = {**channels, channel: changed(channels[channel], patch)}
                settings.with_rules(channel, channels[channel])
            else:
                raise BadRules(f"no rules of a channel {channel!r} are in force yet: start the hub first")
            made = rules_of(channels, last.bundles, locations, by=by, at=now, configured=last.configured)
            rules = replace(noted(last, made, now), edition=self._edition)
            if rules.version != last.version:
                await self._write(rules)
                await self.read()
        return self.newest or rules

    async def follow(self, on_change: Callable[[Rules], None]) -> None:
        """Tells of the rules in force with the configuration file, and of every change, for ever."""
        in_force: Rules | None = None
        while True:
            try:
                if self.file is not None:
                    await self.configured(self.file, datetime.now(UTC))
                    self.file = None
                await self.read()
            except (KafkaError, NotWritten) as error:
                log.warning("the rules are not known", reason=type(error).__name__)
                await asyncio.sleep(1.0)
                continue
            if self.newest is not None and self.newest is not in_force:
                in_force = self.newest
                log.info("rules", version=in_force.version, by=in_force.by)
                on_change(in_force)
            await asyncio.sleep(FOLLOW_EVERY)

    @property
    def _edition(self) -> int:
        """The next one."""
        return 1 + ((self.newest.edition or 0) if self.newest is not None else 0)

    async def _write(self, rules: Rules) -> None:
        at = rules.at or datetime.now(UTC)
        ce = headers(RULES, f"{rules.version}/{at.timestamp()}", "rules", at)
        await self.writer.write([Out(self.topic, rules.version.encode(), encode(rules), ce)])


def _relocated(
    settings: Settings, before: Mapping[str, LocationRules], name: str, patch: Mapping[str, Any]
) -> dict[str, LocationRules]:
    """What the locations are for after a change of one. Raises `BadRules`."""
    if name not in settings.locations:
        raise BadRules(
            f"unknown location {name!r}; locations are: {', '.join(sorted(settings.locations)) or 'none yet'}"
        )
    return {**before, name: changed(before.get(name, LocationRules()), patch)}
