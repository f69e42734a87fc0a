"""What happens behind the shops: NetSuite (`erp`: DEPOT, BULK), the 3PL (`dc`: DC), ShipStation's own orders (`labels`)."""

from __future__ import annotations

from dealing import Deal, Flow, split

BOOKS = ("DEPOT", "BULK")


async def erp_sold(deal: Deal) -> None:
    """A cash sale."""
    here, lines = deal.some(*BOOKS), deal.lines()
    deal.sandboxes["erp"].sell(here, lines, at=deal.now)
    deal.oracle.go(here, lines)


async def erp_order(deal: Deal) -> None:
    """A sales order: fulfilled whole, in two parts, or closed with a rest; some come back."""
    erp, here, lines = deal.sandboxes["erp"], deal.some(*BOOKS), deal.lines()
    order = erp.order(lines, at=deal.now, location=here)
    deal.oracle.promise(here, lines)
    first, rest = split(lines)
    await deal.later()
    picked = erp.fulfil(order, first, location=here, at=deal.now, status="A")
    await deal.later()
    erp.ship(picked, at=deal.now)
    deal.oracle.send(here, here, first)
    await deal.later()
    if rest and deal.chance.random() < 0.6:
        erp.fulfil(order, rest, location=here, at=deal.now)
        deal.oracle.send(here, here, rest)
    elif rest:
        erp.end(order, at=deal.now)
        deal.oracle.release(here, rest)
    if deal.chance.random() < 0.3:
        await deal.later()
        authorised = erp.take_back(first, location=here, at=deal.now, source=order)
        await deal.later()
        erp.receive(authorised, first, location=here, at=deal.now)
        deal.oracle.come(here, first)


async def erp_supplied(deal: Deal) -> None:
    """A purchase order and its receipts; sometimes the rest never comes."""
    erp, here, lines = deal.sandboxes["erp"], deal.some(*BOOKS), deal.lines()
    order = erp.purchase(lines, location=here, at=deal.now)
    for part in [part for part in split(lines) if part][: deal.chance.randint(1, 2)]:
        await deal.later()
        erp.receive(order, part, location=here, at=deal.now)
        deal.oracle.come(here, part)
    await deal.later()
    erp.end(order, at=deal.now)


async def erp_transfer(deal: Deal) -> None:
    """Between DEPOT and BULK: at once, or by a transfer order of which not all arrives."""
    erp, lines = deal.sandboxes["erp"], deal.lines()
    origin, there = deal.chance.sample(BOOKS, 2)
    if deal.chance.random() < 0.4:
        erp.transfer(lines, origin=origin, destination=there, at=deal.now)
        deal.oracle.go(origin, lines)
        deal.oracle.come(there, lines)
        return
    moving = erp.order_transfer(lines, origin=origin, destination=there, at=deal.now)
    deal.oracle.promise(origin, lines)
    await deal.later()
    erp.fulfil(moving, lines, location=origin, at=deal.now)
    deal.oracle.send(origin, origin, lines)
    await deal.later()
    came = split(lines)[0] if deal.chance.random() < 0.4 else lines
    erp.receive(moving, came, location=there, at=deal.now)
    deal.oracle.come(there, came)


async def erp_adjusted(deal: Deal) -> None:
    """An adjustment, or the variance of a count."""
    here, lines = deal.some(*BOOKS), deal.lines()
    changes = [(sku, deal.chance.choice((-1, 1)) * units) for sku, units in lines]
    deal.sandboxes["erp"].adjust(here, changes, at=deal.now, kind=deal.some("InvAdjst", "InvCount"))
    deal.oracle.come(here, changes)


async def dc_adjusted(deal: Deal) -> None:
    """The 3PL finds or misses units."""
    changes = [(sku, deal.chance.choice((-1, 1)) * units) for sku, units in deal.lines()]
    deal.sandboxes["dc"].adjust("DC", changes, at=deal.now, reason=deal.some("AA", "51", "AH"))
    deal.oracle.come("DC", changes)


async def labels_order(deal: Deal) -> None:
    """An order typed into ShipStation: labelled, labelled and voided, split, or cancelled."""
    labels, lines = deal.sandboxes["labels"], deal.lines()
    order = labels.order(lines, at=deal.now, place="DEPOT")
    deal.oracle.promise("DEPOT", lines)
    await deal.later()
    what = deal.some("sent", "sent", "voided", "split", "cancelled")
    if what == "cancelled":
        labels.cancel(order, at=deal.now)
        deal.oracle.release("DEPOT", lines)
        return
    parts = [part for part in split(lines) if part]
    if what == "split" and len(parts) > 1:
        other = labels.split(order, parts[0], at=deal.now)
        await deal.later()
        labels.label(other, at=deal.now)
        deal.oracle.send("DEPOT", "DEPOT", parts[0])
        return
    made = labels.label(order, at=deal.now)
    deal.oracle.send("DEPOT", "DEPOT", lines)
    if what == "voided":
        await deal.later()
        labels.void(made, at=deal.now)
        deal.oracle.come("DEPOT", lines)
        deal.oracle.promise("DEPOT", lines)


async def dc_ordered(deal: Deal) -> None:
    """The 3PL sells our goods, and orders them of us: wholesale demand."""
    lines = deal.lines()
    deal.sandboxes["dc"].sell("DC", lines, at=deal.now)
    deal.oracle.promise("DC", lines)


FLOWS = (
    Flow("erp: cash sale", 6, erp_sold),
    Flow("erp: sales order", 8, erp_order),
    Flow("erp: purchase order", 6, erp_supplied),
    Flow("erp: transfer", 6, erp_transfer),
    Flow("erp: adjusted, counted", 4, erp_adjusted),
    Flow("dc: adjusted", 6, dc_adjusted),
    Flow("labels: own orders", 6, labels_order),
    Flow("dc: sold by the 3PL", 2, dc_ordered),
)
