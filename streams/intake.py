"""From what a platform sent to the log: verified, mapped, resolved, written, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from connectors.contract import Connector, Payload, Secrets
from connectors.directory import resolve, resolve_observation
from connectors.errors import Forged, Malformed, Refused
from connectors.privacy import PrivacyRequest
from projections.envelope import WrongKey
from projections.pool import DatabaseError
from projections.posted import Custom
from projections.problems import Problem, named
from schemas.bundles import NotKept, unbundled
from schemas.claims import Claim, DeadLetter, Fact, Line, Observation
from schemas.codec import encode, headers
from schemas.metrics import INTAKE
from schemas.topics import CLAIMS, DEAD_LETTERS, OBSERVATIONS
from streams.custom import CUSTOM, claim_of, of_csv, of_json
from streams.customers import Customers
from streams.directories import Directories
from streams.metering import Meters
from streams.privacy import answer
from streams.stages import Naming, claim_out
from streams.tracing import OFF, Tracing, marked
from streams.writer import NotWritten, Out, Writer

log = structlog.get_logger()

COMES_THROUGH = timedelta(seconds=1)
"""In which time what a poll brought has become movements."""
UNHEARD_MAX = timedelta(seconds=60)
"""For how long a channel that cannot be polled is waited for."""
POLLS_KEPT = 100
"""Polls that are remembered: more than there are in that time."""

KINDS_IN = {CLAIMS.name: "claim", OBSERVATIONS.name: "observation", DEAD_LETTERS.name: "dead-letter"}
"""What a document became, by the topic that it is in."""

REF_KEYS = ("admin_graphql_api_id", "id", "sale_id", "inventory_item_id", "product_id")


@dataclass(slots=True)
class Intake:
    """The one way in, for webhooks, polls, imports and retries alike.

    `patience` is how long a webhook waits for the log, in seconds: a platform gives up after five. `reload` reads the
    configuration again if its file changed; `clock` is the present. `wakes` has an event for each channel that is set when a
    webhook only says that there is something to poll, `turns` a lock that a poll of the channel holds: a client remembers what it
    handed out, so two at once would each leave to the other what neither has in the log yet. `polls` is when a channel's newest
    polls began, and when all that each brought was in the log. `customers` keeps whom documents are
    for; without it they are for nobody. `meters` counts what came in, and what was refused; `tracing` follows it. `their_patience` is how long a webhook waits for that, in seconds.
    """

    connectors: Mapping[str, Connector]
    secrets: Mapping[str, Secrets]
    directories: Directories
    writer: Writer
    naming: Naming
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    reload: Callable[[], None] = lambda: None
    patience: float = 3.0
    customers: Customers | None = None
    their_patience: float = 1.0
    meters: Meters = field(default_factory=partial(Meters, "serve"))
    tracing: Tracing = OFF
    wakes: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    polls: defaultdict[str, deque[tuple[datetime, datetime]]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=POLLS_KEPT))
    )
    turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def webhook(self, channel: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Takes one webhook in. Returning means: it is in the log, or what it asks is done. Raises `Problem` otherwise."""
        known = channel if channel in self.connectors else ""
        with self._counting(known, "webhook"), self.tracing.span("webhook", channel=known) as trace:
            await self._webhook(channel, path, headers, body, trace)

    async def _webhook(
        self, channel: str, path: str, headers: Mapping[str, str], body: bytes, trace: bytes | None
    ) -> None:
        connector = self.connectors.get(channel)
        if connector is None:
            raise Problem(404, "Unknown channel", f"no channel {channel!r} is configured")
        if connector.receive is None:
            raise Problem(404, "No webhooks", f"{connector.platform} sends none: it is polled")
        settings = self.directories.settings.channels[channel]
        try:
            payloads = connector.receive(settings, self.secrets[channel], headers, body, path)
        except Forged as error:
            raise Problem(401, "Signature not accepted", str(error)) from None
        except Malformed as error:
            raise Problem(400, "Malformed body", str(error)) from None
        if isinstance(payloads, PrivacyRequest):
            await self._answer_in_time(channel, payloads)
            return
        if not payloads:
            self.wakes[channel].set()
            return
        if not await self.directories.known(channel):
            raise Problem(503, "Not ready", "the platform's catalogue is not known yet", retry_after=5)
        kept = await self._kept_in_time(channel, payloads)
        outs = marked([await self.outcome(channel, payload) for payload in payloads], trace)
        await self._write_in_time(outs)
        self._count(channel, "webhook", outs)
        if not kept:
            raise Problem(503, "The vault is not reachable", "whom it is for was not kept", retry_after=5)

    async def movements(self, body: bytes, key: str) -> dict[str, Any]:
        """Takes a claim of an application of the user's own in. The same key is the same document: again is no-op."""
        with self._counting(CUSTOM, "post"), self.tracing.span("post", channel=CUSTOM) as trace:
            claim = self._ours(of_json(body), key)
            await self._write_in_time(marked([claim_out(self.naming, claim)], trace))
        self.meters.count(INTAKE, CUSTOM, "post", "claim")
        return {"accepted": True, "transaction": claim.transaction}

    async def upload(self, body: bytes, key: str) -> dict[str, Any]:
        """Takes many of them in, from a CSV file: all, or none with every reason. The same key is the same file."""
        with self._counting(CUSTOM, "upload"):
            claims = [self._ours(asked, f"{key}/{name}") for name, asked in of_csv(body).items()]
            await self._write_in_time([claim_out(self.naming, claim) for claim in claims])
        self.meters.count(INTAKE, CUSTOM, "upload", "claim", by=len(claims))
        return {"accepted": True, "documents": len(claims)}

    def _ours(self, asked: Custom, key: str) -> Claim:
        self._check(asked.lines)
        try:
            return unbundled(claim_of(asked, key, self.clock()), self.directories.settings.bundles)
        except NotKept as error:
            raise Problem(400, "A bundle has no shelf", str(error)) from None

    def _check(self, lines: Iterable[Line]) -> None:
        """Raises `Problem` for a place nobody configured, and for what only the hub may say."""
        known = self.directories.settings.locations
        named = {place for line in lines for place in (line.location, line.there) if place}
        if unknown := sorted(named - known.keys()):
            raise Problem(400, "Unknown location", f"{unknown[0]!r} is none of: {', '.join(sorted(known))}")
        if any(line.fact is Fact.CONVERTED for line in lines):
            raise Problem(400, "Malformed claim", "converted: only the ledger says so, of a reservation")
        if any(line.bundle is not None for line in lines):
            raise Problem(400, "Malformed claim", "bundle: name the bundle as the line's sku")

    def heard(self, channel: str, at: datetime) -> bool:
        """Whether all has come through that a channel's platform had said by an instant. Its webhooks may leave out what a poll tells,
        such as the place that it chose for an order: so a poll that began later is what counts, and one is asked for.

        A channel that nobody polls has nothing to add, and one whose polls fail for `UNHEARD_MAX` is not waited for any longer.
        """
        its = self.directories.settings.channels.get(channel)
        if its is None or not its.poll_every:
            return True
        now = self.clock()
        later = [ended for began, ended in self.polls[channel] if began > at]
        if not later:
            self.wakes[channel].set()
        return now >= at + UNHEARD_MAX or any(ended + COMES_THROUGH <= now for ended in later)

    async def documents(self, channel: str, payloads: Sequence[Payload]) -> None:
        """Takes documents in that we asked for, and whom they are for. Raises `NotWritten`, `DatabaseError`."""
        await self._keep(channel, payloads)
        outs = [await self.outcome(channel, payload) for payload in payloads]
        await self.writer.send(outs)
        self._count(channel, "poll", outs)

    @contextmanager
    def _counting(self, channel: str, way: str) -> Iterator[None]:
        """Counts what is refused in the block, by the name of its problem."""
        try:
            yield
        except Problem as problem:
            self.meters.count(INTAKE, channel, way, named(problem.title))
            raise
        except DatabaseError:
            self.meters.count(INTAKE, channel, way, "not-available")
            raise

    def _count(self, channel: str, way: str, outs: Iterable[Out]) -> None:
        for topic, documents in Counter(out.topic for out in outs).items():
            kind = KINDS_IN[topic.removeprefix(self.naming.prefix)]
            self.meters.count(INTAKE, channel, way, kind, by=documents)

    async def claims(self, claims: Iterable[Claim]) -> None:
        """Takes claims in that are already in our words. Raises `NotWritten`."""
        await self.writer.send([claim_out(self.naming, claim) for claim in claims])

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

    async def retry(self, channel: str, payload: Payload) -> str | None:
        """Takes a refused document in again. Returns why it is refused still, or None when it is in the log."""
        await self.directories.refresh(channel)
        try:
            out = self._resolved(channel, payload)
        except Refused as error:
            return str(error)
        await self.writer.send([out])
        return None

    def _resolved(self, channel: str, payload: Payload) -> Out:
        settings, directory = self.directories.settings.channels[channel], self.directories.of(channel)
        said = self.connectors[channel].read(channel, payload)
        if isinstance(said, Observation):
            return self._observation(resolve_observation(said, directory))
        pool = settings.rules.pool_of(said.demand_class)
        claim = resolve(said, directory, settings.rules.ships_from, settings.quantity_max, pool)
        try:
            return claim_out(self.naming, unbundled(claim, self.directories.settings.bundles))
        except NotKept as error:
            raise Refused(str(error)) from None

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
        ce = headers(
            DEAD_LETTERS, f"{payload.topic}/{ref}/{payload.body.get('updated_at', '')}", channel, now
        )
        return Out(self.naming(DEAD_LETTERS), channel.encode(), encode(letter), ce)

    async def _kept_in_time(self, channel: str, payloads: Sequence[Payload]) -> bool:
        """Whether it is kept whom the documents are for. Their stock counts in any case: the platform sends them again, which is
        no-op in the log. It is kept first, so that whoever reads the log finds them in the vault.
        """
        if not any(payload.person for payload in payloads):
            return True
        try:
            await asyncio.wait_for(self._keep(channel, payloads), self.their_patience)
        except (*DatabaseError, TimeoutError) as error:
            log.warning("not kept whom it is for", channel=channel, reason=type(error).__name__)
            return False
        return True

    async def _answer_in_time(self, channel: str, asked: PrivacyRequest) -> None:
        """Does what somebody asks of what is kept of them; what was not done in time is asked again."""
        try:
            await asyncio.wait_for(answer(self.customers, channel, asked), self.patience)
        except (*DatabaseError, TimeoutError, WrongKey) as error:
            log.warning(
                "not done what was asked", channel=channel, topic=asked.topic, reason=type(error).__name__
            )
            raise Problem(503, "The vault is not reachable", "it was not done", retry_after=5) from None

    async def _keep(self, channel: str, payloads: Sequence[Payload]) -> None:
        """Keeps whom the documents are for. What cannot be read is for no deal that we know of. A row that was changed in the
        vault stays as it is, and stops nobody else's documents. Raises `DatabaseError`.
        """
        for payload in payloads:
            if payload.person is None or self.customers is None:
                continue
            try:
                claim = self.connectors[channel].read(channel, payload)
                if isinstance(claim, Claim):
                    await self.customers.keep(payload.person, claim)
            except Refused:
                continue
            except WrongKey as error:
                log.error("not kept whom it is for", channel=channel, reason=str(error))

    async def _write_in_time(self, outs: list[Out]) -> None:
        try:
            await asyncio.wait_for(self.writer.send(outs), self.patience)
        except (NotWritten, TimeoutError):
            raise Problem(
                503, "The log is not reachable", "nothing was acknowledged", retry_after=5
            ) from None
