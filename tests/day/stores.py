"""What happens in the stores: Lightspeed X (`tills`: SOHO, HARLEM) and Heartland (`mall`: MALL, PLAZA)."""

from __future__ import annotations

from dealing import Deal, Flow

TILLS, MALLS = ("SOHO", "HARLEM"), ("MALL", "PLAZA")


async def sale(deal: Deal) -> None:
    """Sold, brought back or exchanged over the counter; some are voided."""
    channel, place = deal.chance.choice([("tills", TILLS), ("mall", MALLS)])
    here = deal.some(*place)
    kind = deal.some("sold", "sold", "sold", "returned", "exchanged")
    lines = deal.lines()
    if kind == "returned":
        lines = [(sku, -units) for sku, units in lines]
    elif kind == "exchanged":
        lines = [(sku, -units if number else units) for number, (sku, units) in enumerate(lines)]
    store = deal.sandboxes[channel]
    await deal.shelves.free(here, lines)
    made = store.sell(here, lines, at=deal.now)
    deal.oracle.go(here, lines)
    if deal.chance.random() < 0.12:
        await deal.later()
        await deal.shelves.free(here, lines)
        if channel == "tills":
            store.void(made, at=deal.now)
        else:
            store.become("sales/tickets", made, "void", at=deal.now)
        deal.oracle.come(here, lines)


async def parked(deal: Deal) -> None:
    """A sale at a till is parked, and closed or voided later; a layby takes its goods at once."""
    tills, here, lines = deal.sandboxes["tills"], deal.some(*TILLS), deal.lines()
    layby = deal.chance.random() < 0.5
    await deal.shelves.free(here, lines)
    state, words = ("pending", ("layby",)) if layby else ("parked", ())
    made = tills.sell(here, lines, at=deal.now, state=state, attributes=words)
    if layby:
        deal.oracle.go(here, lines)
    deal.shelves.undate(here, lines)
    await deal.later()
    await deal.shelves.free(here, lines)
    deal.shelves.undate(here, lines, -1)
    if deal.chance.random() < 0.7:
        tills.close(made, at=deal.now)
        if not layby:
            deal.oracle.go(here, lines)
    else:
        tills.void(made, at=deal.now)
        if layby:
            deal.oracle.come(here, lines)


async def tills_supplied(deal: Deal) -> None:
    """Goods from a supplier: mostly all, sometimes fewer or more."""
    tills, here, lines = deal.sandboxes["tills"], deal.some(*TILLS), deal.lines()
    order = tills.consign("SUPPLIER", here, dict(lines), at=deal.now)
    tills.step(order, "SENT", at=deal.now)
    await deal.later()
    came = [(sku, max(0, units + deal.chance.choice((0, 0, -1, 1)))) for sku, units in lines]
    await deal.shelves.free(here, came)
    tills.step(order, "RECEIVED", at=deal.now, received=dict(came))
    deal.oracle.come(here, came)


async def tills_transfer(deal: Deal) -> None:
    """From one store to the other; some units get lost on the way, and some transfers are called off."""
    tills, lines = deal.sandboxes["tills"], deal.lines()
    origin, there = deal.chance.sample(TILLS, 2)
    moving = tills.consign("OUTLET", there, dict(lines), at=deal.now, source=origin)
    await deal.later()
    await deal.shelves.free(origin, lines)
    tills.step(moving, "SENT", at=deal.now)
    deal.oracle.go(origin, lines)
    deal.shelves.undate(origin, lines)
    await deal.later()
    came = [(sku, units - (deal.chance.random() < 0.3)) for sku, units in lines]
    await deal.shelves.free(there, came)
    await deal.shelves.free(origin, lines)
    deal.shelves.undate(origin, lines, -1)
    if deal.chance.random() < 0.15:
        tills.step(moving, "CANCELLED", at=deal.now)
        deal.oracle.come(origin, lines)
        return
    tills.step(moving, "RECEIVED", at=deal.now, received=dict(came))
    deal.oracle.come(there, came)


async def tills_to_vendor(deal: Deal) -> None:
    """Goods go back to a supplier."""
    tills, here, lines = deal.sandboxes["tills"], deal.some(*TILLS), deal.lines()
    back = tills.consign("RETURN", here, dict(lines), at=deal.now)
    await deal.later()
    await deal.shelves.free(here, lines)
    tills.step(back, "SENT", at=deal.now)
    deal.oracle.go(here, lines)


async def tills_adjusted(deal: Deal) -> None:
    """Somebody finds or misses units."""
    here, (sku, units) = deal.some(*TILLS), deal.lines(1)[0]
    change, reason = deal.chance.choice([(units, "STOCK_FOUND"), (-units, "THEFT"), (-units, "DAMAGE")])
    await deal.shelves.free(here, [(sku, change)])
    deal.sandboxes["tills"].adjust(sku, here, change, at=deal.now, reason=reason)
    deal.oracle.come(here, [(sku, change)])


async def counted(deal: Deal) -> None:
    """A shelf is counted, and mostly has what it should."""
    channel, places = deal.chance.choice([("tills", TILLS), ("mall", MALLS)])
    here, store = deal.some(*places), deal.sandboxes[channel]
    good = [sku for sku in deal.skus if not deal.shelves.undated[sku, here]]
    sku = deal.some(*(good or deal.skus))
    async with deal.shelves.counting((sku, here)):
        units = deal.oracle.on_hand[sku, here] + deal.chance.choice((0, 0, 0, -2, -1, 1))
        if channel == "tills":
            take = store.consign("STOCKTAKE", here, {sku: 0}, at=deal.now)
            for status in ("STOCKTAKE_IN_PROGRESS", "STOCKTAKE_IN_PROGRESS_PROCESSED"):
                store.step(take, status, at=deal.now)
            store.step(take, "STOCKTAKE_COMPLETE", at=deal.now, received={sku: units})
        else:
            take = store.count(here, [(sku, units)], at=deal.now)
            store.become("inventory/physical_counts", take, "accepted", at=deal.now)
        deal.oracle.count(here, sku, units)


async def mall_order(deal: Deal) -> None:
    """A customer orders in the store; the order is invoiced, or voided."""
    mall, here, lines = deal.sandboxes["mall"], deal.some(*MALLS), deal.lines()
    customer = mall.books.add("customers", {"email": "a@example.com"})["id"]
    head = {"station_id": 1, "source_location_id": mall.at(here)}
    order = mall.document("sales/orders", lines, at=deal.now, status="open", customer_id=customer, **head)
    deal.oracle.promise(here, lines)
    await deal.later()
    if deal.chance.random() < 0.2:
        mall.become("sales/orders", order, "void", at=deal.now)
        deal.oracle.release(here, lines)
        return
    await deal.shelves.free(here, lines)
    mall.document("sales/invoices", [], at=deal.now, status="complete", order_id=order, **head)
    deal.oracle.send(here, here, lines)


async def mall_supplied(deal: Deal) -> None:
    """A purchase, in two receipts; a part never comes."""
    mall, here, lines = deal.sandboxes["mall"], deal.some(*MALLS), deal.lines()
    there = {"receive_at_location_id": mall.at(here)}
    order = mall.document("purchasing/orders", lines, at=deal.now, status="open", **there)
    parts = [
        part for part in ([(sku, 1) for sku, _ in lines], [(s, n - 1) for s, n in lines if n > 1]) if part
    ]
    for part in parts[: deal.chance.randint(1, 2)]:
        await deal.later()
        await deal.shelves.free(here, part)
        mall.document("purchasing/receipts", part, at=deal.now, status="accepted", order_id=order, **there)
        deal.oracle.come(here, part)
    await deal.later()
    mall.become("purchasing/orders", order, "closed", at=deal.now)


async def mall_transfer(deal: Deal) -> None:
    """From one store to the other; what does not arrive is lost or comes back."""
    mall, lines = deal.sandboxes["mall"], deal.lines()
    origin, there = deal.chance.sample(MALLS, 2)
    ends = {"from_location_id": mall.at(origin), "to_location_id": mall.at(there)}
    await deal.shelves.free(origin, lines)
    moving = mall.document("inventory/transfers", [], at=deal.now, status="open", **ends)
    mall.carry(moving, "ship", lines, at=deal.now)
    deal.oracle.go(origin, lines)
    await deal.later()
    first, rest = [(sku, 1) for sku, _ in lines], [(sku, units - 1) for sku, units in lines if units > 1]
    await deal.shelves.free(there, first)
    mall.carry(moving, "receive", first, at=deal.now)
    deal.oracle.come(there, first)
    if rest:
        await deal.later()
        event = deal.some("receive", "receive", "loss", "return")
        back = {"receive": there, "return": origin}.get(event)
        await deal.shelves.free(back or there, rest)
        mall.carry(moving, event, rest, at=deal.now)
        if back is not None:
            deal.oracle.come(back, rest)
    mall.become("inventory/transfers", moving, "complete", at=deal.now)


async def mall_adjusted(deal: Deal) -> None:
    """Somebody finds or misses units, or sends goods back to a supplier."""
    mall, here, lines = deal.sandboxes["mall"], deal.some(*MALLS), deal.lines()
    await deal.shelves.free(here, lines)
    if deal.chance.random() < 0.4:
        source = {"source_location_id": mall.at(here)}
        mall.document("purchasing/returns", lines, at=deal.now, status="complete", **source)
        deal.oracle.go(here, lines)
        return
    changes = [(sku, deal.chance.choice((-1, 1)) * units) for sku, units in lines]
    place = {"location_id": mall.at(here), "adjustment_reason_id": 1}
    mall.document("inventory/adjustment_sets", changes, at=deal.now, status="complete", **place)
    deal.oracle.come(here, changes)


FLOWS = (
    Flow("stores: over the counter", 60, sale),
    Flow("tills: parked, layby", 5, parked),
    Flow("tills: from a supplier", 5, tills_supplied),
    Flow("tills: transfer", 5, tills_transfer),
    Flow("tills: to a supplier", 3, tills_to_vendor),
    Flow("tills: adjusted", 3, tills_adjusted),
    Flow("stores: counted", 4, counted),
    Flow("mall: order", 5, mall_order),
    Flow("mall: from a supplier", 4, mall_supplied),
    Flow("mall: transfer", 4, mall_transfer),
    Flow("mall: adjusted, to a supplier", 4, mall_adjusted),
)
