"""What is done about a level that somebody changed by hand in a platform's admin: what the policy of its location says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from projections.queries import Queries
from schemas.accounts import NETWORK
from schemas.claims import Claim, Document, Fact, Line
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from streams.differences import Cell, Difference, Known
from streams.intake import Intake
from streams.settings import HandEdits
from streams.sinks import receipt_out

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Editing:
    """Handles the hand edits of one channel. `left` has by how many units each is changed that was told of and
    left as it is, and what was said of it: it is told of once, however the numbers move on.
    """

    channel: str
    intake: Intake
    queries: Queries
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    left: dict[Cell, tuple[int, str]] = field(default_factory=dict)

    @property
    def rules(self) -> ChannelRules:
        """The channel's rules."""
        return self.intake.directories.settings.channels[self.channel].rules

    async def handle(self, found: Difference, known: Known) -> Difference:
        """Does what the policy of the location says, and keeps a receipt. Returns the difference with what was done.

        Raises `NotWritten`, `DatabaseError`.
        """
        done, outcome = await POLICIES[self.policy(found)](self, found)
        found, cell = replace(found, done=done), (found.sku, found.place)
        drift = units_of(found), done
        if outcome is Outcome.DRIFTED and self.left.get(cell) == drift:
            return found
        self.left[cell] = drift
        receipt = noted(found, known, outcome, self.clock())
        await self.intake.writer.send([receipt_out(self.intake.naming, receipt)])
        log.warning(
            "changed by hand",
            channel=found.channel,
            sku=found.sku,
            place=found.place,
            expected=found.expected,
            shown=found.shown,
            done=done,
        )
        return found

    def only(self, cells: set[Cell]) -> None:
        """Forgets all other cells: what differs no more is told of when it differs again."""
        self.left = {cell: one for cell, one in self.left.items() if cell in cells}

    def policy(self, found: Difference) -> HandEdits:
        """The policy of the location; where there is none, everything is left as it is."""
        where = self.intake.directories.settings.locations.get(shelf_of(found.place, self.rules))
        return "alert" if where is None else where.hand_edits

    async def adopt(self, found: Difference) -> tuple[str, Outcome]:
        """Takes the difference in as stock of the location, unless that cannot be meant."""
        settings = self.intake.directories.settings
        most = settings.channels[self.channel].quantity_max
        if found.sku in settings.bundles:
            return "left as it is: no shelf holds a bundle", Outcome.DRIFTED
        if abs(units_of(found)) > most:
            return f"left as it is: more than {most} units are taken for a mistake", Outcome.DRIFTED
        before = await self.queries.documents_of(found.sku, edits_of(found))
        claim = adopted(found, before, found.since or self.clock(), self.rules)
        await self.intake.claims([claim])
        return f"adopted as {claim.transaction}", Outcome.DRIFTED

    async def correct(self, found: Difference) -> tuple[str, Outcome]:
        """The sink tells our number again as soon as it reads the receipt."""
        return f"told {found.expected} again", Outcome.OVERRULED

    async def alert(self, found: Difference) -> tuple[str, Outcome]:  # noqa: ARG002  # a policy
        """Nothing: the receipt and the log line say so."""
        return "left as it is", Outcome.DRIFTED


POLICIES: Mapping[HandEdits, Callable[[Editing, Difference], Awaitable[tuple[str, Outcome]]]] = {
    "adopt": Editing.adopt,
    "correct": Editing.correct,
    "alert": Editing.alert,
}
"""What is done about a hand edit: returns what is to be said of it, and what becomes of the platform's number."""


def shelf_of(place: str, rules: ChannelRules) -> str:
    """Whose policy holds for a place, and where it is adopted: one number for all stands where the channel ships from."""
    return rules.ships_from if place == NETWORK else place


def units_of(found: Difference) -> int:
    """By how many units somebody changed it."""
    assert found.expected is not None
    assert found.shown is not None
    return found.shown - found.expected


def edits_of(found: Difference) -> str:
    """How the names of the transactions begin that adopt hand edits of a cell."""
    return f"edit/{found.channel}/{found.sku}/{found.place}/"


def adopted(found: Difference, adopted_before: int, at: datetime, rules: ChannelRules) -> Claim:
    """A hand edit as a document of the channel whose platform has counted it already: `own` moves with it.

    It is named after the cell and how many edits of it were adopted before. So the same edit, found again before it was taken
    in, is the same document; and the same change, made again later, is another.
    """
    units = units_of(found)
    name = f"{edits_of(found)}{adopted_before + 1}"
    line = Line(
        fact=Fact.ADJUSTED_UP if units > 0 else Fact.ADJUSTED_DOWN,
        sku=found.sku,
        quantity=abs(units),
        at=at,
        location=shelf_of(found.place, rules),
        reason=f"changed by hand: {found.shown} where {found.expected} should be",
        pool=rules.pool,
    )
    return Claim(
        transaction=name,
        channel=found.channel,
        topic="reconcile",
        occurred_at=at,
        documents=(Document(id=name, version=1, lines=(line,)),),
    )


def noted(found: Difference, known: Known, outcome: Outcome, at: datetime) -> Receipt:
    """What is kept of a hand edit, whatever was done about it."""
    assert found.shown is not None
    return Receipt(
        channel=found.channel,
        sku=found.sku,
        place=found.place,
        quantity=known.wanted,
        level=found.shown,
        own=known.place.own,
        outcome=outcome,
        pushed_at=at,
        offset=known.offset,
        detail=found.done,
    )
