"""Who is believed: of everything told about a transaction, the lines that stand.

The most advanced witness stands, so repetition and order of arrival do not matter, and one event told by three platforms
is one event. Authority decides ties, and conflicts that cannot all be true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.claims import STRICT, Fact, Line
from schemas.postings import Kind


class Stage(StrEnum):
    """The stages of a transaction that a channel may be the authority for."""

    DEMAND = "demand"
    FULFILMENT = "fulfilment"
    RETURNS = "returns"
    STOCK = "stock"


class Desk(StrEnum):
    """Which lines are settled together: those of a desk, for one SKU."""

    ORDER = "order"
    SUPPLY = "supply"
    TRANSFER = "transfer"
    ALONE = "alone"


class Meaning(NamedTuple):
    """What becomes of a fact: the kind it is posted as while it grows, who settles it, and whose word counts.

    A `negative` fact moves its units the other way. An `absolute` one says something with zero units too.
    """

    kind: Kind
    desk: Desk = Desk.ALONE
    stage: Stage = Stage.STOCK
    negative: bool = False
    absolute: bool = False


FACTS: dict[Fact, Meaning] = {
    Fact.OPENED: Meaning(Kind.STOCK_INITIALISED, absolute=True),
    Fact.OPENED_BELOW_ZERO: Meaning(Kind.STOCK_INITIALISED, negative=True, absolute=True),
    Fact.COUNTED: Meaning(Kind.STOCK_COUNTED, absolute=True),
    Fact.ORDERED: Meaning(Kind.ORDER_PLACED, Desk.ORDER, Stage.DEMAND),
    Fact.CANCELLED: Meaning(Kind.ORDER_CANCELLED, Desk.ORDER, Stage.DEMAND),
    Fact.CONVERTED: Meaning(Kind.RESERVATION_CONVERTED, Desk.ORDER, Stage.DEMAND),
    Fact.PICKUP_LAPSED: Meaning(Kind.PICKUP_LAPSED, Desk.ORDER, Stage.DEMAND),
    Fact.REROUTED: Meaning(Kind.ORDER_REROUTED, Desk.ORDER, Stage.FULFILMENT),
    Fact.PICK_REJECTED: Meaning(Kind.PICK_REJECTED, Desk.ORDER, Stage.FULFILMENT),
    Fact.SHIPPED: Meaning(Kind.ORDER_SHIPPED, Desk.ORDER, Stage.FULFILMENT),
    Fact.COLLECTED: Meaning(Kind.PICKUP_COLLECTED, Desk.ORDER, Stage.FULFILMENT),
    Fact.SHIPMENT_VOIDED: Meaning(Kind.SHIPMENT_VOIDED, Desk.ORDER, Stage.FULFILMENT),
    Fact.SOLD: Meaning(Kind.POS_SALE_COMPLETED, stage=Stage.FULFILMENT),
    Fact.SALE_VOIDED: Meaning(Kind.POS_SALE_VOIDED, stage=Stage.FULFILMENT),
    Fact.RETURNED: Meaning(Kind.RETURN_RECEIVED, stage=Stage.RETURNS),
    Fact.REFUNDED: Meaning(Kind.REFUND_ISSUED, stage=Stage.RETURNS),
    Fact.EXPECTED: Meaning(Kind.SUPPLY_EXPECTED, Desk.SUPPLY),
    Fact.SUPPLY_CANCELLED: Meaning(Kind.SUPPLY_CANCELLED, Desk.SUPPLY),
    Fact.RECEIVED: Meaning(Kind.GOODS_RECEIVED, Desk.SUPPLY),
    Fact.QUALITY_RELEASED: Meaning(Kind.QUALITY_RELEASED),
    Fact.VENDOR_RETURNED: Meaning(Kind.VENDOR_RETURN_SHIPPED),
    Fact.TRANSFER_SHIPPED: Meaning(Kind.TRANSFER_SHIPPED, Desk.TRANSFER),
    Fact.TRANSFER_RECEIVED: Meaning(Kind.TRANSFER_RECEIVED, Desk.TRANSFER),
    Fact.TRANSFER_SHORT: Meaning(Kind.TRANSFER_SHORT_CLOSED, Desk.TRANSFER),
    Fact.ADJUSTED_UP: Meaning(Kind.STOCK_ADJUSTED),
    Fact.ADJUSTED_DOWN: Meaning(Kind.STOCK_ADJUSTED, negative=True),
    Fact.DAMAGED: Meaning(Kind.STOCK_DAMAGED),
    Fact.SCRAPPED: Meaning(Kind.STOCK_SCRAPPED),
    Fact.SET_ASIDE: Meaning(Kind.STOCK_SET_ASIDE),
    Fact.RETURNED_TO_SHELF: Meaning(Kind.STOCK_RETURNED_TO_SHELF),
    Fact.POOL_ALLOCATED: Meaning(Kind.POOL_ALLOCATED),
    Fact.KIT_ASSEMBLED: Meaning(Kind.KIT_ASSEMBLED),
    Fact.KIT_COMPONENT_USED: Meaning(Kind.KIT_ASSEMBLED, negative=True),
    Fact.KIT_BROKEN: Meaning(Kind.KIT_BROKEN),
    Fact.KIT_COMPONENT_RECOVERED: Meaning(Kind.KIT_BROKEN, negative=True),
}
"""Every fact and its meaning. When a fact shrinks, its movement is voided."""

DEMAND = frozenset({Fact.ORDERED, Fact.CANCELLED, Fact.PICKUP_LAPSED})
"""What one channel's view of the demand consists of; it stands or falls whole."""

LEFT = {Fact.SHIPPED: Fact.SHIPPED, Fact.COLLECTED: Fact.SHIPPED}
"""Two words for one event: the units left the place for the customer."""

TWINS = {Fact.SOLD: Fact.COLLECTED, Fact.SALE_VOIDED: Fact.SHIPMENT_VOIDED}
"""What a till says of units that the same transaction had ordered: its sale is how they were collected."""

TAKES_BACK = frozenset({Fact.SHIPMENT_VOIDED, Fact.SALE_VOIDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Whose word counts where several channels say the same amount, or more than can be true; the most trusted first.

    `locations` wins over `stages`, which wins over `channels`. `on_hand` names the channels whose platform counts what is
    there, promised or not: an order moves its number when the goods leave.
    """

    __pydantic_config__ = STRICT

    channels: tuple[str, ...] = ()
    stages: dict[Stage, tuple[str, ...]] = field(default_factory=dict)
    locations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    on_hand: frozenset[str] = frozenset()

    @property
    def named(self) -> set[str]:
        """Every channel that is trusted with something."""
        return {
            name
            for listed in (self.channels, *self.stages.values(), *self.locations.values())
            for name in listed
        }

    def rank(self, channel: str, stage: Stage, location: str | None = None) -> int:
        """How much a channel is trusted: the greater the more, one that is not listed the least."""
        listed = self.locations.get(location or "") or self.stages.get(stage) or self.channels
        return -listed.index(channel) if channel in listed else -len(listed)


NOBODY = Authority()


class Told(NamedTuple):
    """A line with the document and channel that told it."""

    channel: str
    document: str
    demand_class: str
    line: Line


class Matter(NamedTuple):
    """What witnesses are compared on: one kind of event, for one SKU, at one place, or between two."""

    fact: Fact
    sku: str
    location: str | None = None
    there: str | None = None


def standing(told: Iterable[Told], authority: Authority) -> list[Told]:
    """The lines that stand. A line of zero units says nothing, unless it is absolute."""
    said = _said(told)
    if len({_witness(item) for item in said}) < 2:
        return said
    heard: dict[Matter, dict[str, list[Told]]] = defaultdict(lambda: defaultdict(list))
    for item in said:
        heard[_matter(item.line)][_witness(item)].append(item)
    stands = {matter: _believed(matter, by_witness, authority) for matter, by_witness in heard.items()}
    for sku in sorted({matter.sku for matter in stands}):
        _resolve(sku, stands, heard, authority)
    return [item for lines in stands.values() for item in lines]


def _said(told: Iterable[Told]) -> list[Told]:
    """The lines that say something, a till's sale of ordered units as the collection it is."""
    spoken = [item for item in told if _speaks(item.line)]
    ordered = {item.line.sku for item in spoken if item.line.fact is Fact.ORDERED}
    if not ordered:
        return spoken
    said: list[Told] = []
    for item in spoken:
        twin = TWINS.get(item.line.fact) if item.line.sku in ordered else None
        said.append(item if twin is None else item._replace(line=replace(item.line, fact=twin)))
    return said


def _speaks(line: Line) -> bool:
    """Whether a line says something: a count without a shelf does not, and no units do only where that is absolute."""
    if line.fact is Fact.COUNTED:
        return line.location is not None
    return line.quantity > 0 or FACTS[line.fact].absolute


def _matter(line: Line) -> Matter:
    if line.fact in DEMAND:
        return Matter(Fact.ORDERED, line.sku)
    return Matter(LEFT.get(line.fact, line.fact), line.sku, line.location, line.there)


def _witness(item: Told) -> str:
    """A channel is one witness. Of returns each kind of its documents is: a refund and the return it was for tell of the
    same units.
    """
    if item.line.fact is Fact.RETURNED:
        return f"{item.channel}/{item.document.partition('/')[0]}"
    return item.channel


def _believed(matter: Matter, by_witness: Mapping[str, list[Told]], authority: Authority) -> list[Told]:
    """What the most advanced witness said; of several the most trusted, then the one with the latest news."""
    if len(by_witness) == 1:
        return next(iter(by_witness.values()))
    stage = FACTS[matter.fact].stage

    def weight(witness: str) -> tuple[int, int, datetime, str]:
        lines = by_witness[witness]
        rank = authority.rank(lines[0].channel, stage, matter.location)
        return units(lines), rank, max(item.line.at for item in lines), witness

    return by_witness[max(by_witness, key=weight)]


def units(lines: Iterable[Told]) -> int:
    """How many units lines speak of."""
    return sum(item.line.quantity for item in lines)


def _resolve(
    sku: str,
    stands: dict[Matter, list[Told]],
    heard: Mapping[Matter, Mapping[str, list[Told]]],
    authority: Authority,
) -> None:
    """More units left than were ordered, or came back than left, by several witnesses at several places: they cannot all
    be right, so the most authoritative view of them stands alone, and says that it does.
    """
    ordered = units(
        item for item in stands.get(Matter(Fact.ORDERED, sku), ()) if item.line.fact is Fact.ORDERED
    )
    _stand_alone(sku, (Fact.SHIPPED, Fact.SHIPMENT_VOIDED), ordered, stands, heard, authority)
    gone = _net(sku, (Fact.SHIPPED, Fact.SHIPMENT_VOIDED, Fact.SOLD, Fact.SALE_VOIDED), stands)
    _stand_alone(sku, (Fact.RETURNED,), gone, stands, heard, authority)


def _net(sku: str, facts: Sequence[Fact], stands: Mapping[Matter, list[Told]]) -> int:
    signed = {fact: -1 if fact in TAKES_BACK else 1 for fact in facts}
    return sum(
        signed[matter.fact] * units(lines)
        for matter, lines in stands.items()
        if matter.sku == sku and matter.fact in signed
    )


def _stand_alone(
    sku: str,
    facts: Sequence[Fact],
    most: int,
    stands: dict[Matter, list[Told]],
    heard: Mapping[Matter, Mapping[str, list[Told]]],
    authority: Authority,
) -> None:
    if most == 0 or _net(sku, facts, stands) <= most:
        return
    matters = [matter for matter in stands if matter.sku == sku and matter.fact in facts]
    witnesses = {_witness(item) for matter in matters for item in stands[matter]}
    if len(witnesses) < 2:  # a conflict takes two
        return
    views = {
        witness: {matter: heard[matter].get(witness, []) for matter in matters}
        for witness in sorted(witnesses)
    }
    stage = FACTS[facts[0]].stage

    def weight(witness: str) -> tuple[int, int, datetime, str]:
        lines = [item for found in views[witness].values() for item in found]
        rank = authority.rank(lines[0].channel, stage)
        return rank, _net(sku, facts, views[witness]), max(item.line.at for item in lines), witness

    believed = max(views, key=weight)
    others = ", ".join(sorted(witnesses - {believed}))
    for matter, lines in views[believed].items():
        stands[matter] = [
            item._replace(line=replace(item.line, reason=f"in conflict with {others}")) for item in lines
        ]
