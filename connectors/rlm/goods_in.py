"""What comes to a warehouse: shipment advices to it (943) and its receipts (944). Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from connectors.errors import Refused
from connectors.rlm import codes, fields, sheets
from connectors.rlm.fields import Body
from connectors.rlm.sheets import Said, Sheet
from schemas.accounts import State
from schemas.claims import Fact


def advance_notice(channel: str, sheet: Sheet) -> Said:
    """943: what is on its way to a warehouse. From a place of ours it is a transfer, from anybody else's expected supply."""
    body = sheet.body
    sheets.whole(body)
    order = fields.needed(body, "order")
    at, here, origin = (
        fields.moment(body, fields.zone(body)),
        sheets.place(body, "WH", "ST"),
        sheets.place_of_ours(body, "SF"),
    )
    for _, sku, quantity in sheet.positive():
        if origin is None:
            sheet.add(Fact.EXPECTED, sku, quantity, at, here)
        else:
            sheet.add(Fact.TRANSFER_SHIPPED, sku, quantity, at, origin, there=here)
    shipment = fields.text(body, "shipment")
    return Said(sheets.inbound(channel, order, origin), f"943/{order}/{shipment}", at)


def receipt(channel: str, sheet: Sheet) -> Said:
    """944: what came to a warehouse, and in what condition. What is short of the notice is no movement: it stays expected."""
    body = sheet.body
    returned = fields.text(body, "reporting") == codes.CUSTOMER_RETURN
    if not returned:
        sheets.whole(body)
    number = fields.needed(body, "number")
    order = fields.text(body, "order") or number
    at, here, origin = (
        fields.moment(body, fields.zone(body)),
        sheets.place(body, "WH", "ST"),
        sheets.place_of_ours(body, "SF"),
    )
    if returned:
        fact, deal = Fact.RETURNED, f"return/{channel}/{order}"
    else:
        fact = Fact.RECEIVED if origin is None else Fact.TRANSFER_RECEIVED
        deal = sheets.inbound(channel, order, origin)
    for line, (row, sku, quantity) in enumerate(sheet.items(), start=1):
        if quantity < 0:
            raise Refused(f"the quantity of line {line} is negative")
        _received(sheet, fact, row, sku, quantity, at, here, origin)
    return Said(deal, f"944/{number}", at)


def _received(
    sheet: Sheet, fact: Fact, row: Body, sku: str, quantity: int, at: datetime, here: str, origin: str | None
) -> None:
    """One line of a receipt. Units in another condition are beside the good ones, or within their number where the settings
    say so (`damaged_within`); the first is inferred from receipts whose numbers add up to their notice that way.
    """
    apart: dict[State, int] = defaultdict(int)
    for exception in fields.rows(row, "exceptions"):
        condition = fields.needed(exception, "condition")
        if condition not in codes.CONDITIONS:
            raise Refused(f"unknown receiving condition {sheets.word(condition)}")
        state, units = codes.CONDITIONS[condition], fields.units(exception, row, "an exception")
        if units < 0:
            raise Refused("the quantity of an exception is negative")
        if state is None:
            sheet.skip(sku, "short of or over the notice: a difference moves nothing")
        else:
            apart[state] += units
    good = quantity - sum(apart.values()) if sheet.body.get("damaged_within") is True else quantity
    if good < 0:
        raise Refused("more units are in another condition than were received")
    if good == 0 and not apart:
        sheet.skip(sku, "quantity zero")
    for state, units in ((State.AVAILABLE, good), *apart.items()):
        if not units:
            continue
        lands = State.AVAILABLE if origin else state  # a transfer's condition is told beside it
        sheet.add(fact, sku, units, at, here, state=lands, there=origin)
        if lands is not state:
            sheet.add(SET_APART[state], sku, units, at, here, state=state)


SET_APART = {State.DAMAGED: Fact.DAMAGED, State.QUALITY_CONTROL: Fact.SET_ASIDE}
