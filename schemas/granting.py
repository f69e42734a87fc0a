"""The ledger's answers to requests: what is reserved, refused, released, converted, expired. One writer per SKU decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.accounts import NETWORK, UNROUTED
from schemas.allowances import allowance
from schemas.availability import eligible, quantity
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import NO_MORE, Answer, Book, Stock, Taken, is_repeat
from schemas.movements import ASKED, OWN, Cause, Movement
from schemas.postings import Kind, Leg, Places, legs, pooled
from schemas.reservations import HUB, REMEMBERED, Ask, Hold, Outcome, Request, Wanted
from schemas.rules import ChannelRules

KINDS: Mapping[Ask, Kind] = {
    Ask.PLACE: Kind.RESERVATION_PLACED,
    Ask.RELEASE: Kind.RESERVATION_RELEASED,
    Ask.CONVERT: Kind.RESERVATION_CONVERTED,
    Ask.EXPIRE: Kind.RESERVATION_EXPIRED,
}
"""What is posted when a request is granted."""

ANSWERS: Mapping[Outcome, Kind] = {
    Outcome.HELD: Kind.RESERVATION_PLACED,
    Outcome.REFUSED: Kind.RESERVATION_REFUSED,
    Outcome.RELEASED: Kind.RESERVATION_RELEASED,
    Outcome.EXPIRED: Kind.RESERVATION_EXPIRED,
    Outcome.CONVERTED: Kind.RESERVATION_CONVERTED,
}
"""The kind of movement that says what a reservation is."""


def step(stock: Stock, movement: Movement, offset: int, partition: int = 0) -> Taken:
    """One step of the ledger: a movement is taken, a request decided."""
    book = Book(stock)
    answer = enter(book, movement, offset, partition)
    return Taken(book.closed(), *(answer or NO_MORE))


def enter(book: Book, movement: Movement, offset: int, partition: int = 0) -> Answer | None:
    """The same step in a book that goes on; None for a repeat, which changes nothing."""
    if movement.request is None:
        return book.take(movement, offset, partition)
    if is_repeat(book, movement, offset):
        return None
    return _Decision(book, movement, movement.request, offset, partition).made()


def asking(request: Request, at: datetime) -> Movement:
    """The record that asks: it moves nothing itself. `at` is when it was asked, and for all its lines the same."""
    return Movement(
        id=f"{line_key(request)}/{request.ask}",
        kind=KINDS[request.ask],
        sku=request.line.sku,
        quantity=request.line.quantity,
        legs=(),
        transaction=_transaction(request),
        channel=request.channel,
        document=line_key(request),
        occurred_at=at,
        recorded_at=at,
        cause=Cause(ASKED, 0, 0),
        request=request,
    )


def line_key(request: Request) -> str:
    """The name of a reservation's line: of its hold, and the document of the movements about it."""
    return f"{request.id}/{request.index}"


def _transaction(request: Request) -> str:
    return request.transaction or f"reservation/{request.id}"


def free(stock: Stock, wanted: Wanted) -> int:
    """How many units may be held now: the channel's number in all, or at a place. Units of a SKU that nobody tracks are not free.

    The numbers of a channel with one for each location leave out what was promised without a place, which is not free again.
    """
    rules = wanted.rules
    number = quantity(stock, HUB, rules, "")
    if wanted.location is not None:
        return _free_at(stock, rules, wanted.location)
    if rules.publish == NETWORK:
        return number.quantity
    return max(0, number.quantity + min(0, stock.balance(UNROUTED, pooled(rules.pool))))


def _free_at(stock: Stock, rules: ChannelRules, place: str) -> int:
    """How many units may be held at a place: no more than is free in all places together, and what may be sold beyond that. What
    only cannot be shipped from there can be held there.
    """
    by_location = rules.publish != NETWORK
    if place not in stock.tracked or (by_location and rules.leaves_out(place)):
        return 0
    state = pooled(rules.pool)
    level = stock.balance(place, state)
    here = level - rules.held_back(stock.sku, place, level)
    places = sum(max(0, stock.balance(name, state)) for name in stock.tracked if name != UNROUTED)
    unpromised = places + stock.balance(UNROUTED, state)
    left = allowance(stock, rules, eligible(stock, rules), place).left
    if by_location:
        left = max(0, left + min(0, unpromised))
    return max(0, min(here, unpromised)) + left


class _Decision:
    """One request while it is decided."""

    def __init__(self, book: Book, asked: Movement, request: Request, offset: int, partition: int) -> None:
        self.book, self.asked, self.request = book, asked, request
        self.key = line_key(request)
        self.offset, self.cause = offset, OWN - partition
        self.now = asked.recorded_at
        self.holds = dict(book.holds)
        self.posted: list[Movement] = []
        self.claims: list[Claim] = []

    def made(self) -> Answer:
        """What is decided. What is due expires first, so a request never meets what should be gone."""
        for ident, hold in sorted(self.book.holds.items()):
            if hold.expires_at <= self.now:
                self._end_in_time(ident, hold)
        DECIDE[self.request.ask](self)
        self.book.open()
        self.book.holds, self.book.offset = self.holds, self.offset
        if self.posted:
            self.book.applied[self.cause] = self.offset, len(self.posted) - 1
        return Answer(tuple(self.posted), tuple(self.claims))

    def place(self) -> None:
        """Holds the units if there are so many, and passes the request on to the next line."""
        line, known = self.request.line, self.holds.get(self.key)
        if known is not None and (known.location, known.quantity) != (line.held_at, line.quantity):
            self._refuse("this key was used for another reservation")
        elif known is not None:
            self._again(known)
        elif (found := free(self.book.closed(), line)) >= line.quantity:
            ends = self.now + timedelta(seconds=self.request.ttl)
            self._set(self.key, self._hold(line, Outcome.HELD, ends), Kind.RESERVATION_PLACED)
            self._pass_on()
        else:
            self._set(self.key, self._hold(line, Outcome.REFUSED, self.now + REMEMBERED), None)
            self._refuse(f"{found} of {line.quantity} units of {line.sku} are free")
            for index in range(self.request.index):
                self._ask(replace(self.request, ask=Ask.RELEASE, index=index))

    def end(self, outcome: Outcome) -> None:
        """Ends a held reservation; ended already, it stays as it ended."""
        hold = self.holds.get(self.key)
        if hold is None:
            self._refuse("there is no such reservation")
        elif hold.outcome is not Outcome.HELD:
            self._say(hold)
        else:
            ended = self._ended(hold, outcome)
            self._set(self.key, ended, KINDS[self.request.ask])
            if outcome is Outcome.CONVERTED:
                self.claims.append(self._converted(hold))

    def expire(self) -> None:
        """Nothing more: what was due has expired."""

    def _end_in_time(self, ident: str, hold: Hold) -> None:
        if hold.outcome is not Outcome.HELD:
            del self.holds[ident]
            return
        ended = self._ended(hold, Outcome.EXPIRED, hold.expires_at)
        self._set(ident, ended, Kind.RESERVATION_EXPIRED, hold.expires_at)

    def _hold(self, line: Wanted, outcome: Outcome, until: datetime) -> Hold:
        return Hold(
            location=line.held_at,
            quantity=line.quantity,
            outcome=outcome,
            expires_at=until,
            pool=line.rules.pool,
        )

    def _ended(self, hold: Hold, outcome: Outcome, at: datetime | None = None) -> Hold:
        return replace(hold, outcome=outcome, expires_at=(at or self.now) + REMEMBERED)

    def _set(self, ident: str, hold: Hold, kind: Kind | None, at: datetime | None = None) -> None:
        self.holds[ident] = hold
        if kind is not None:
            moved = legs(kind, hold.quantity, Places(hold.location, pool=hold.pool))
            self.book.post(moved, HUB)
            self._post(kind, ident, hold.quantity, moved, at=at)

    def _again(self, known: Hold) -> None:
        """The same request again: the same answer, and the lines behind it are asked again."""
        if known.outcome is Outcome.REFUSED:
            self._refuse("it was refused before")
        else:
            self._say(known)
            self._pass_on()

    def _pass_on(self) -> None:
        if self.request.index + 1 < len(self.request.lines):
            self._ask(replace(self.request, index=self.request.index + 1))

    def _ask(self, request: Request) -> None:
        self.posted.append(asking(request, self.now))

    def _refuse(self, reason: str) -> None:
        self._post(Kind.RESERVATION_REFUSED, self.key, self.request.line.quantity, (), reason)

    def _say(self, hold: Hold) -> None:
        """Answers with what the reservation is already; nothing moves again."""
        self._post(ANSWERS[hold.outcome], self.key, hold.quantity, ())

    def _post(
        self,
        kind: Kind,
        ident: str,
        units: int,
        moved: tuple[Leg, ...],
        reason: str | None = None,
        at: datetime | None = None,
    ) -> None:
        own = Cause(self.cause, self.offset, len(self.posted))
        mine = ident == self.key
        self.posted.append(
            Movement(
                id=own.movement_id,
                kind=kind,
                sku=self.book.sku,
                quantity=units,
                legs=moved,
                transaction=_transaction(self.request) if mine else f"reservation/{ident.rpartition('/')[0]}",
                channel=HUB,
                document=ident,
                occurred_at=at or self.now,
                recorded_at=self.now,
                cause=own,
                reason=reason,
            )
        )

    def _converted(self, hold: Hold) -> Claim:
        """What the order's transaction must know: these units are committed already."""
        place = None if hold.location == UNROUTED else hold.location
        line = Line(
            fact=Fact.CONVERTED,
            sku=self.book.sku,
            quantity=hold.quantity,
            at=self.now,
            location=place,
            pool=hold.pool,
        )
        return Claim(
            transaction=_transaction(self.request),
            channel=HUB,
            topic="reservations",
            occurred_at=self.now,
            documents=(Document(id=f"reservation/{self.key}", version=1, lines=(line,)),),
        )


DECIDE: Mapping[Ask, Callable[[_Decision], None]] = {
    Ask.PLACE: _Decision.place,
    Ask.RELEASE: lambda decision: decision.end(Outcome.RELEASED),
    Ask.CONVERT: lambda decision: decision.end(Outcome.CONVERTED),
    Ask.EXPIRE: _Decision.expire,
}
