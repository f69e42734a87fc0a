"""What leaves, and who ordered it: purchase orders (850), shipping advices (945), ship notices (856). Pure."""

from __future__ import annotations

from datetime import datetime

from connectors.errors import Refused
from connectors.links import deal_of
from connectors.rlm import codes, fields, sheets
from connectors.rlm.fields import Body
from connectors.rlm.sheets import Said, Sheet
from connectors.wholesale import demand_class
from schemas.claims import Fact


def purchase_order(channel: str, sheet: Sheet) -> Said:
    """850: a company's demand, with no place yet. How an SDQ spreads it over the retailer's stores moves none of our stock."""
    body = sheet.body
    order, purpose = fields.needed(body, "purchase_order"), fields.needed(body, "purpose")
    at = fields.moment(body, fields.zone(body))
    cancelled = sheets.stands(purpose)
    for _, sku, quantity in sheet.positive():
        sheet.add(Fact.ORDERED, sku, quantity, at, None)
        if cancelled:
            sheet.add(Fact.CANCELLED, sku, quantity, sheets.made(body), None)
    return Said(f"order/{channel}/{order}", f"850/{order}", at, demand_class(body, company=True))


def shipment(channel: str, sheet: Sheet) -> Said:
    """945: what a warehouse sent for one order, carton by carton. An item's ordered quantity repeats in each of its cartons,
    its shipped quantities add up. What is given up goes back to be routed anew: the order's own channel decides about it.
    """
    body = sheet.body
    sheets.whole(body)
    order, parcel = fields.needed(body, "order"), fields.text(body, "shipment")
    known, at, here = _known(body, order), _sent_at(body), sheets.place(body)
    there = None if known else sheets.place_of_ours(body, "ST")
    given_up: dict[str, int] = {}
    for number, (row, sku, quantity) in enumerate(sheet.items(), start=1):
        if quantity < 0:
            raise Refused(f"the quantity of line {number} is negative")
        over = fields.text(row, "status") in codes.GIVEN_UP
        if over:
            given_up[sku] = max(given_up.get(sku, 0), _ordered(row, number))
        if quantity == 0:
            sheet.skip(sku, "given up" if over else "nothing was shipped yet")
        else:
            _sent(sheet, sku, quantity, at, here, there)
    for sku, ordered in given_up.items():
        short = ordered - sum(line.quantity for line in sheet.lines if line.sku == sku)
        if short > 0 and there is None and not _elsewhere(body):
            # the parcel's date, which has no time, says nothing of what stayed behind
            said = sheets.made_by(body)
            sheet.add(Fact.PICK_REJECTED, sku, short, said, here, reason="the warehouse is short")
    return Said(known or _deal(channel, body, order, there), f"945/{order}/{parcel}", at)


def _ordered(row: Body, number: int) -> int:
    """The ordered quantity of a line; zero where it is not told."""
    if not row.get("ordered"):
        return 0
    found = fields.units(row, row, f"line {number}", "ordered")
    if found < 0:
        raise Refused(f"the ordered quantity of line {number} is negative")
    return found


def ship_notice(channel: str, sheet: Sheet) -> Said:
    """856: the shipper's notice of what is on its way, for one order. From a stranger to a place of ours it is supply that is
    expected there. A cancelled notice says that nothing is on its way.
    """
    body = sheet.body
    parcel, order = fields.needed(body, "shipment"), fields.text(body, "purchase_order")
    at, cancelled = fields.moment(body, fields.zone(body)), sheets.stands(fields.needed(body, "purpose"))
    known, there = _known(body, order), sheets.place_of_ours(body, "ST")
    supplied = there is not None and sheets.place_of_ours(body, "WH", "SF") is None
    here = "" if supplied else sheets.place(body)
    for _, sku, quantity in sheet.positive():
        if cancelled:
            sheet.skip(sku, "the ship notice was cancelled")
        elif supplied:
            sheet.add(Fact.EXPECTED, sku, quantity, at, there)
        else:
            _sent(sheet, sku, quantity, at, here, None if known else there)
    if supplied:
        deal = sheets.inbound(channel, order or parcel, None)
    else:
        deal = known or _deal(channel, body, order or parcel, there)
    return Said(deal, f"856/{parcel}/{order}", at)


def _sent(sheet: Sheet, sku: str, quantity: int, at: datetime, here: str, there: str | None) -> None:
    """Units that left a place, for a customer or for another place of ours."""
    if _elsewhere(sheet.body):
        sheet.skip(sku, "another kind of document tells of this channel's shipments (shipped_by)")
    elif there is None:
        sheet.add(Fact.SHIPPED, sku, quantity, at, here)
    else:
        sheet.add(Fact.TRANSFER_SHIPPED, sku, quantity, at, here, there=there)


def _elsewhere(body: Body) -> bool:
    return body.get("elsewhere") is True


def _sent_at(body: Body) -> datetime:
    """When a parcel left: the date called shipped (G62 11), else the document's."""
    sent = next((one for one in fields.rows(body, "dates") if one.get("qualifier") == "11"), body)
    return fields.moment(sent, fields.zone(body))


def _known(body: Body, order: str) -> str | None:
    """Our own deal that an order number stands for."""
    return fields.text(body, "deal") or deal_of(order)


def _deal(channel: str, body: Body, order: str, there: str | None) -> str:
    """The deal of a shipment that is none of our orders: a transfer to a place of ours, or the purchase order's."""
    if there is not None:
        return sheets.inbound(channel, order, there)
    return f"order/{channel}/{fields.text(body, 'purchase_order') or order}"
