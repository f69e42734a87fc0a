"""Deals that several platforms tell of: by references, so that every unit counts once."""

from __future__ import annotations

from dealing import Deal, Flow, split
from retail import STORE
from truth import NOWHERE

HOME = "DC"


def deal_of(channel: str, order: int) -> str:
    """The name of a web order's deal in our log."""
    return f"order/{channel}/{order}"


async def labelled(deal: Deal) -> None:
    """A web order that ShipStation imports, and a label at DEPOT that both shop and ShipStation tell of; some are voided."""
    web, labels, lines = deal.sandboxes["web"], deal.sandboxes["labels"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    imported = labels.order(
        lines, at=deal.now, place="DEPOT", store=STORE, key=str(order), number=f"#{order}"
    )
    for part in [part for part in split(lines) if part]:
        await deal.later()
        labels.label(imported, at=deal.now, lines=part)
        deal.oracle.send(HOME, "DEPOT", part)
        if deal.chance.random() < 0.5:
            await deal.later()
        web.fulfil(order, "DEPOT", part, at=deal.now)


async def by_3pl(deal: Deal) -> None:
    """A web order that the 3PL carries out: the hub sends it a 940, its 945 and the shop tell of one parcel."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    await deal.order("dc", deal_of("web", order), "DC", lines)
    deal.oracle.send(HOME, "DC", lines)
    await deal.later()
    web.fulfil(order, "DC", at=deal.now)


async def europe_by_3pl(deal: Deal) -> None:
    """The same for an order of Magento."""
    europe, lines = deal.sandboxes["europe"], deal.lines()
    order = europe.order(lines, at=deal.now)
    deal.oracle.promise(NOWHERE, lines)
    await deal.later()
    await deal.order("dc", deal_of("europe", order), "DC", lines)
    deal.oracle.send(NOWHERE, "DC", lines)
    await deal.later()
    europe.ship(order, "DC", lines, at=deal.now)


async def by_erp(deal: Deal) -> None:
    """A web order that is moved to DEPOT and booked in NetSuite as a sales order: its fulfilment and the shop's are one."""
    web, erp, lines = deal.sandboxes["web"], deal.sandboxes["erp"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    web.reroute(order, "DEPOT", at=deal.now)
    deal.oracle.release(HOME, lines)
    deal.oracle.promise("DEPOT", lines)
    made = await deal.order("erp", deal_of("web", order), "DEPOT", lines)
    for part in [part for part in split(lines) if part]:
        await deal.later()
        erp.fulfil(int(made.ref), part, location="DEPOT", at=deal.now)
        deal.oracle.send("DEPOT", "DEPOT", part)
        if deal.chance.random() < 0.5:
            await deal.later()
        web.fulfil(order, "DEPOT", part, at=deal.now)


async def picked_up(deal: Deal) -> None:
    """Bought on the web, picked up in a store: the till has a sale for it, which the hub made. Some never come for it."""
    web, tills, lines = deal.sandboxes["web"], deal.sandboxes["tills"], deal.lines()
    store = deal.some("SOHO", "HARLEM")
    order = web.order(lines, at=deal.now, routed_to=store, pick_up=True)
    deal.oracle.promise(store, lines)
    await deal.later()
    made = await deal.order("tills", deal_of("web", order), store, lines)
    await deal.later()
    if deal.chance.random() < 0.2:
        web.cancel(order, at=deal.now)
        tills.void(made.ref, at=deal.now)
        deal.oracle.release(store, lines)
        return
    tills.close(made.ref, at=deal.now)
    deal.oracle.send(store, store, lines)
    if deal.chance.random() < 0.5:
        await deal.later()
    web.fulfil(order, store, at=deal.now)


async def kept_at_till(deal: Deal) -> None:
    """A sale at the till whose goods the customer collects later, in one go or in two; some are called off."""
    tills, lines = deal.sandboxes["tills"], deal.lines()
    store = deal.some("SOHO", "HARLEM")
    made = tills.sell(store, lines, at=deal.now, state="pending", attributes=("pickup",))
    deal.oracle.promise(store, lines)
    await deal.later()
    if deal.chance.random() < 0.2:
        tills.void(made, at=deal.now)
        deal.oracle.release(store, lines)
        return
    if deal.chance.random() < 0.5:
        tills.hand_over(made, {0: 1}, at=deal.now)
        deal.oracle.send(store, store, [(lines[0][0], 1)])
        lines = [(lines[0][0], lines[0][1] - 1), *lines[1:]]
        await deal.later()
    if any(units for _, units in lines):
        tills.close(made, at=deal.now)
        deal.oracle.send(store, store, lines)


async def returned_in_store(deal: Deal) -> None:
    """Bought on the web, brought back to a store: the till takes the goods, the shop refunds the money."""
    web, tills, lines = deal.sandboxes["web"], deal.sandboxes["tills"], deal.lines()
    store = deal.some("SOHO", "HARLEM")
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    web.fulfil(order, HOME, at=deal.now)
    deal.oracle.send(HOME, HOME, lines)
    await deal.later()
    back, _ = split(lines)
    tills.sell(store, [(sku, -units) for sku, units in back], at=deal.now)
    deal.oracle.come(store, back)
    web.refund(order, back, restock="no_restock", location=None, at=deal.now)


FLOWS = (
    Flow("web + labels: sent with a label", 8, labelled, own=True),
    Flow("web + dc: carried out by the 3PL", 6, by_3pl, own=True),
    Flow("europe + dc: carried out by the 3PL", 4, europe_by_3pl, own=True),
    Flow("web + erp: carried out by the ERP", 6, by_erp, own=True),
    Flow("web + tills: picked up in a store", 8, picked_up, own=True),
    Flow("tills: collected later", 4, kept_at_till, own=True),
    Flow("web + tills: brought back to a store", 5, returned_in_store, own=True),
)
