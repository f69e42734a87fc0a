"""From what a platform sent to the log: verified, mapped, resolved, written, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.contract import Connector, Forged, Malformed, Payload, Secrets
from connectors.directory import Refused, resolve, resolve_observation
from projections.problems import Problem
from schemas.claims import Claim, DeadLetter, Observation
from schemas.codec import encode, headers
from schemas.topics import CLAIMS, DEAD_LETTERS, OBSERVATIONS
from streams.directories import Directories
from streams.stages import Naming
from streams.writer import NotWritten, Out, Writer

REF_KEYS = ("admin_graphql_api_id", "id", "sale_id", "inventory_item_id", "product_id")


@dataclass(slots=True)
class Intake:
    """The one way in, for webhooks, polls, imports and retries alike.

    `patience` is how long a webhook waits for the log, in seconds: a platform gives up after five. `reload` reads the
    configuration again if its file changed; `clock` is the present.
    """

    connectors: Mapping[str, Connector]
    secrets: Mapping[str, Secrets]
    directories: Directories
    writer: Writer
    naming: Naming
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    reload: Callable[[], None] = lambda: None
    patience: float = 3.0

    async def webhook(self, channel: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Takes one webhook in. Returning means: it is in the log. Raises `Problem` otherwise."""
        connector = self.connectors.get(channel)
        if connector is None:
            raise Problem(404, "Unknown channel", f"no channel {channel!r} is configured")
        settings = self.directories.settings.channels[channel]
        try:
            payloads = connector.receive(settings, self.secrets[channel], headers, body, path)
        except Forged as error:
            raise Problem(401, "Signature not accepted", str(error)) from None
        except Malformed as error:
            raise Problem(400, "Malformed body", str(error)) from None
        if not await self.directories.known(channel):
            raise Problem(503, "Not ready", "the platform's catalogue is not known yet", retry_after=5)
        await self._write_in_time([await self.outcome(channel, payload) for payload in payloads])

    async def documents(self, channel: str, payloads: Iterable[Payload]) -> None:
        """Takes documents in that we asked for. Raises `NotWritten`."""
        await self.writer.send([await self.outcome(channel, payload) for payload in payloads])

    async def claims(self, claims: Iterable[Claim]) -> None:
        """Takes claims in that are already in our words. Raises `NotWritten`."""
        await self.writer.send([self._claim(claim) for claim in claims])

    async def outcome(self, channel: str, payload: Payload) -> Out:
        """The record a document becomes: a claim, an observation, or a dead letter. Asks for an unknown name once."""
        try:
            return self._resolved(channel, payload)
        except Refused:
            self.reload()
            await self.directories.refresh(channel)
        try:
            return self._resolved(channel, payload)
        except Refused as error:
            return self._dead(channel, payload, str(error))

    def _resolved(self, channel: str, payload: Payload) -> Out:
        settings, directory = self.directories.settings.channels[channel], self.directories.of(channel)
        said = self.connectors[channel].read(channel, payload)
        if isinstance(said, Observation):
            return self._observation(resolve_observation(said, directory))
        return self._claim(resolve(said, directory, settings.ships_from, settings.quantity_max))

    def _claim(self, claim: Claim) -> Out:
        versions = ",".join(f"{document.id}@{document.version}" for document in claim.documents)
        ce = headers(CLAIMS, f"{claim.topic}/{versions}", claim.channel, claim.occurred_at)
        return Out(self.naming(CLAIMS), claim.transaction.encode(), encode(claim), ce)

    def _observation(self, seen: Observation) -> Out:
        key = f"{seen.channel}|{seen.sku}"
        ce = headers(OBSERVATIONS, f"{key}|{seen.location}@{seen.version}", seen.channel, seen.observed_at)
        return Out(self.naming(OBSERVATIONS), key.encode(), encode(seen), ce)

    def _dead(self, channel: str, payload: Payload, reason: str) -> Out:
        now = self.clock()
        ref = next((str(payload.body[key]) for key in REF_KEYS if payload.body.get(key)), "unnamed")
        letter = DeadLetter(
            channel=channel,
            topic=payload.topic,
            stage="mapping",
            reason=reason,
            ref=ref,
            received_at=now,
            payload=dict(payload.body),
        )
        ce = headers(DEAD_LETTERS, f"{payload.topic}/{ref}/{now.timestamp()}", channel, now)
        return Out(self.naming(DEAD_LETTERS), channel.encode(), encode(letter), ce)

    async def _write_in_time(self, outs: list[Out]) -> None:
        try:
            await asyncio.wait_for(self.writer.send(outs), self.patience)
        except (NotWritten, TimeoutError):
            raise Problem(503, "The log is not reachable", "nothing was acknowledged", retry_after=5) from None
