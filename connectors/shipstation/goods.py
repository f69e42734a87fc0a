"""What both APIs have in common: the goods of a document, and the deal it belongs to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from connectors.links import TAKEN_BACK, deal_of
from connectors.shipstation import fields
from connectors.shipstation.fields import Body
from connectors.wholesale import RETAIL, demand_class
from schemas.claims import Claim, Document, Fact, Line, Skipped

COMBINED = "combined with other orders: it does not tell which of its goods are whose, so their shops must"
"""Why a document of orders that were combined is refused. Its goods would leave again with each shop's own parcels."""


class Mark(NamedTuple):
    """That goods were marked as shipped, or sent by a provider, without a label; and that this was voided."""

    made: datetime
    ended: datetime | None
    provider: str


class Deal(NamedTuple):
    """The transaction a document belongs to, another one that is the same deal, whether we created its order, and the class of its
    demand.
    """

    transaction: str
    joins: str | None = None
    created: bool = False
    demand_class: str = RETAIL


def deal(
    channel: str, body: Body, references: Iterable[str], store: str | None, number: str, order: str
) -> Deal:
    """The deal of a document.

    It is ours where one of its `references` is one that we gave. Else it goes by store and order `number`, which the parts
    of a split order have in common (recorded in V2, inferred for V1), and joins the deal of the shop whose `order` it is.
    """
    ours = next((found for reference in references if (found := deal_of(reference))), None)
    stamp = fields.part(body, "onhand")
    judged = demand_class(stamp)
    if ours is not None:
        return Deal(ours, created=True, demand_class=judged)
    shop = fields.text(stamp, "shop")
    joins = f"order/{shop}/{order}" if shop and order else None
    return Deal(f"order/{channel}/{store or 'none'}/{number}", joins, demand_class=judged)


def ours(body: Body) -> Callable[[str], bool]:
    """Whether a provider's stock is ours: a location is mapped to it."""
    found = fields.part(body, "onhand").get("providers")
    return lambda provider: isinstance(found, list) and provider in found


def not_ours(provider: str) -> str:
    """Why goods that a provider sent move no stock."""
    return f"sent from the stock of {provider[:64]!r}: no location is mapped to provider:{provider[:64]}"


def claim(channel: str, topic: str, found: Deal, at: datetime, document: Document) -> Claim:
    """What one document says of its deal; `at` is its latest news."""
    return Claim(
        transaction=found.transaction,
        joins=found.joins,
        channel=channel,
        topic=topic,
        occurred_at=at,
        documents=(document,),
        demand_class=found.demand_class,
    )


@dataclass
class Goods:
    """What is told of goods, collected: lines that move something, and lines that do not."""

    lines: list[Line] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def tell(self, fact: Fact, goods: Iterable[tuple[str, int]], at: datetime, location: str | None) -> None:
        """Adds a line for each of the goods."""
        self.lines.extend(
            Line(fact=fact, sku=item, quantity=quantity, at=at, location=location) for item, quantity in goods
        )

    def demand(
        self,
        units: Sequence[tuple[str, int]],
        placed: tuple[datetime, str | None],
        ended: datetime | None,
        *,
        created: bool,
    ) -> None:
        """Adds what an order demands since and where it was `placed`, and that it was `ended`. One that we created says nothing
        then: the deal may be carried out elsewhere.
        """
        at, location = placed
        if ended is not None and created:
            self.skipped.extend(Skipped(item=item, reason=TAKEN_BACK) for item, _ in units)
            return
        self.tell(Fact.ORDERED, units, at, location)
        if ended is not None:
            self.tell(Fact.CANCELLED, units, ended, location)

    def skip(self, item: str, reason: str) -> None:
        """Adds something that moves nothing."""
        self.skipped.append(Skipped(item=item, reason=reason))

    def of(self, rows: Sequence[Body]) -> list[tuple[str, int]]:
        """Items and units of a document's rows. What names no goods is skipped."""
        found: list[tuple[str, int]] = []
        for row in rows:
            sku = fields.text(row, "sku")
            product = fields.optional_identity(row, "productId" if "productId" in row else "product_id")
            item = sku or (f"product:{product}" if product else "")
            if fields.flag(row, "adjustment"):
                self.skip(item or "a line", "an adjustment of the price is no goods")
            elif not item:
                self.skip("a line", "it names no item")
            elif (quantity := fields.units(row, "quantity")) == 0:
                self.skip(item, "quantity zero")
            else:
                found.append((item, quantity))
        return found

    def mark(
        self,
        ident: str,
        marks: Sequence[Mark],
        units: Sequence[tuple[str, int]],
        place: Callable[[str], str | None],
        ours: Callable[[str], bool],
    ) -> None:
        """What was sent without a label, as long as one of its marks stands: each unit leaves once, from the `place` of a
        provider (empty: ours). What a provider sent from stock that is not ours is demand no more.
        """
        standing = [mark for mark in marks if mark.ended is None]
        provider = (standing or marks)[0].provider
        sent = min(mark.made for mark in standing or marks)
        if provider and not ours(provider):
            self.skip(ident, not_ours(provider))
            if standing:
                self.tell(Fact.CANCELLED, units, sent, place(""))
            return
        self.tell(Fact.SHIPPED, units, sent, place(provider))
        if not standing:
            ended = max(mark.ended for mark in marks if mark.ended is not None)
            self.tell(Fact.SHIPMENT_VOIDED, units, ended, place(provider))

    def document(self, ident: str, version: int) -> Document:
        """The document. Its lines have an order of their own: pages list them in any."""
        if not self.lines and not self.skipped:
            self.skip(ident, "it names no goods")
        return Document(
            id=ident,
            version=version,
            lines=tuple(sorted(self.lines, key=lambda line: (line.at, line.fact, line.sku, line.quantity))),
            skipped=tuple(sorted(self.skipped, key=lambda line: (line.item, line.reason))),
        )
