"""Retrying dead letters: what was refused is taken in again, as it was or as somebody has mended it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from connectors.contract import Payload
from projections.problems import Problem
from projections.queries import Queries
from schemas.codec import Undecodable
from streams.closing import told_again
from streams.cluster import Kafka
from streams.intake import Intake
from streams.reader import Reader
from streams.writer import NotWritten

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letters:
    """The dead letters of an installation. The log at `bootstrap` is read only where news of a closed deal needs what it was."""

    queries: Queries
    intake: Intake
    bootstrap: Kafka

    async def retry(self, ident: str, payload: dict[str, Any] | None, by: str) -> str | None:
        """Takes in again what a dead letter holds, or `payload` in its place, and notes that it was. Returns why it is refused still, or
        None when it is in the log. Raises `Problem` where the log is away.
        """
        try:
            reason = await self.again(ident, payload)
        except (NotWritten, KafkaError):
            raise Problem(503, "The log is not reachable", "nothing was taken in", retry_after=5) from None
        if reason is None:
            await self.queries.mark_retried(ident, self.intake.clock())
        log.info(
            "dead letter retried", id=ident, by=by, mended=payload is not None, refused=reason is not None
        )
        return reason

    async def again(self, ident: str, payload: dict[str, Any] | None = None) -> str | None:
        """The same without noting it. Raises `NotWritten`, `KafkaError`."""
        letter = await self.queries.dead_letter(ident)
        if letter is not None and letter["stage"] == "settle" and "closed" in letter["payload"]:
            return await self._reopened(letter["payload"])
        if letter is None or letter["channel"] not in self.intake.connectors:
            return "no such dead letter of a configured channel"
        body = letter["payload"] if payload is None else payload
        return await self.intake.retry(letter["channel"], Payload(letter["topic"], body))

    async def _reopened(self, payload: dict[str, Any]) -> str | None:
        """News of a closed deal goes to it, opened again."""
        async with _reading(self.bootstrap) as reader:
            try:
                await self.intake.claims(await told_again(payload, reader, self.intake.naming))
            except Undecodable as error:
                return str(error)
        return None


@asynccontextmanager
async def _reading(bootstrap: Kafka) -> AsyncIterator[Reader]:
    reader = Reader(bootstrap)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()
