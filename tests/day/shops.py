"""What happens in the web shops: Shopify (`web`) commits at DC, Magento (`europe`) at no place, until something is sent."""

from __future__ import annotations

from dealing import Deal, Flow, split
from truth import NOWHERE

from connectors.shopify.sandbox import transfers

HOME = "DC"


async def web_sent(deal: Deal) -> None:
    """Ordered and sent, in one parcel or two."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    parts = [lines] if deal.chance.random() < 0.6 else [part for part in split(lines) if part]
    for part in parts:
        await deal.later()
        web.fulfil(order, HOME, part, at=deal.now)
        deal.oracle.send(HOME, HOME, part)
    if deal.chance.random() < 0.3:
        await deal.later()
        web.tell(order)


async def web_cancelled(deal: Deal) -> None:
    """Ordered and cancelled, some of them after a part was sent."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    first, rest = split(lines)
    await deal.later()
    if deal.chance.random() < 0.5 and rest:
        web.fulfil(order, HOME, first, at=deal.now)
        deal.oracle.send(HOME, HOME, first)
        await deal.later()
        web.cancel(order, at=deal.now)
        deal.oracle.release(HOME, rest)
    else:
        web.cancel(order, at=deal.now)
        deal.oracle.release(HOME, lines)


async def web_open(deal: Deal) -> None:
    """Ordered, and still waiting when the day ends."""
    lines = deal.lines()
    deal.sandboxes["web"].order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)


async def web_returned(deal: Deal) -> None:
    """Sent, and refunded: some goods come back to a place of ours, some do not."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    web.fulfil(order, HOME, at=deal.now)
    deal.oracle.send(HOME, HOME, lines)
    await deal.later()
    back, _ = split(lines)
    restock = deal.some("return", "return", "no_restock")
    web.refund(order, back, restock=restock, location=HOME, at=deal.now)
    if restock == "return":
        deal.oracle.come(HOME, back)


async def web_reduced(deal: Deal) -> None:
    """A part is refunded before it is sent; the rest is sent."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    gone, rest = split(lines)
    web.refund(order, gone, restock="cancel", location=HOME, at=deal.now)
    deal.oracle.release(HOME, gone)
    if rest:
        await deal.later()
        web.fulfil(order, HOME, at=deal.now)
        deal.oracle.send(HOME, HOME, rest)


async def web_voided(deal: Deal) -> None:
    """A parcel is taken back, and sent again."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    parcel = web.fulfil(order, HOME, at=deal.now)
    deal.oracle.send(HOME, HOME, lines)
    await deal.later()
    web.unfulfil(parcel, at=deal.now)
    deal.oracle.come(HOME, lines)
    deal.oracle.promise(HOME, lines)
    if deal.chance.random() < 0.7:
        await deal.later()
        web.fulfil(order, HOME, at=deal.now)
        deal.oracle.send(HOME, HOME, lines)


async def web_rerouted(deal: Deal) -> None:
    """Moved to another place, and mostly sent from there."""
    web, lines = deal.sandboxes["web"], deal.lines()
    order = web.order(lines, at=deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    web.reroute(order, "DEPOT", at=deal.now)
    deal.oracle.release(HOME, lines)
    deal.oracle.promise("DEPOT", lines)
    if deal.chance.random() < 0.8:
        await deal.later()
        web.fulfil(order, "DEPOT", at=deal.now)
        deal.oracle.send("DEPOT", "DEPOT", lines)


async def web_transfer(deal: Deal) -> None:
    """Shopify's own transfer from DC to DEPOT: set aside, sent, and taken in but for what arrives broken."""
    shop, lines = deal.sandboxes["web"].shop, deal.lines()
    moving = transfers.plan(shop, HOME, "DEPOT", dict(lines), deal.now)
    transfers.ready(shop, moving, deal.now)
    deal.oracle.promise(HOME, lines)
    await deal.later()
    part = transfers.ship(shop, moving, dict(lines), deal.now)
    deal.oracle.send(HOME, HOME, lines)
    await deal.later()
    broken = split(lines)[0] if deal.chance.random() < 0.3 else []
    good = [(sku, units - dict(broken).get(sku, 0)) for sku, units in lines]
    transfers.receive(shop, moving, part, dict(good), dict(broken), deal.now)
    deal.oracle.come("DEPOT", good)


async def europe_sent(deal: Deal) -> None:
    """Ordered and shipped, from one source or from two."""
    europe, lines = deal.sandboxes["europe"], deal.lines()
    order = europe.order(lines, at=deal.now)
    deal.oracle.promise(NOWHERE, lines)
    parts = [lines] if deal.chance.random() < 0.6 else [part for part in split(lines) if part]
    for part in parts:
        await deal.later()
        source = deal.some("DC", "DEPOT")
        europe.ship(order, source, part, at=deal.now)
        deal.oracle.send(NOWHERE, source, part)


async def europe_cancelled(deal: Deal) -> None:
    """Ordered and cancelled, some of them edited instead: another order takes its place."""
    europe, lines = deal.sandboxes["europe"], deal.lines()
    order = europe.order(lines, at=deal.now)
    deal.oracle.promise(NOWHERE, lines)
    await deal.later()
    if deal.chance.random() < 0.3:
        other = deal.lines()
        europe.edit(order, other, at=deal.now)
        deal.oracle.promise(NOWHERE, other)
    else:
        europe.cancel(order, at=deal.now)
    deal.oracle.release(NOWHERE, lines)


async def europe_refunded(deal: Deal) -> None:
    """Some refunded before they were sent, some afterwards: these go back to where they came from."""
    europe, lines = deal.sandboxes["europe"], deal.lines()
    order = europe.order(lines, at=deal.now)
    deal.oracle.promise(NOWHERE, lines)
    await deal.later()
    first, rest = split(lines)
    source = deal.some("DC", "DEPOT")
    if rest and deal.chance.random() < 0.5:
        europe.refund(order, first, at=deal.now, to_stock=True)
        deal.oracle.release(NOWHERE, first)
        await deal.later()
        europe.ship(order, source, rest, at=deal.now)
        deal.oracle.send(NOWHERE, source, rest)
    else:
        europe.ship(order, source, lines, at=deal.now)
        deal.oracle.send(NOWHERE, source, lines)
        await deal.later()
        europe.refund(order, first, at=deal.now, to_stock=True)
        deal.oracle.come(source, first)


FLOWS = (
    Flow("web: sent", 20, web_sent),
    Flow("web: cancelled", 6, web_cancelled),
    Flow("web: still open", 3, web_open),
    Flow("web: returned", 6, web_returned),
    Flow("web: reduced", 4, web_reduced),
    Flow("web: parcel voided", 3, web_voided),
    Flow("web: rerouted", 4, web_rerouted),
    Flow("web: transfer", 3, web_transfer),
    Flow("europe: sent", 14, europe_sent),
    Flow("europe: cancelled", 5, europe_cancelled),
    Flow("europe: refunded", 5, europe_refunded),
)
