"""What a warehouse corrects (947), and the movements of a CSV file. Pure."""

from __future__ import annotations

from datetime import datetime

from connectors.errors import Refused
from connectors.links import deal_of
from connectors.rlm import fields, sheets
from connectors.rlm.codes import EFFECTS, POSTED, REASONS
from connectors.rlm.fields import Body
from connectors.rlm.sheets import Said, Sheet
from schemas.claims import Fact, Line


def adjustment(channel: str, sheet: Sheet) -> Said:
    """947: adjustments with their reasons. One that takes another back is a document of its own, with the other sign."""
    body = sheet.body
    number = fields.needed(body, "number")
    at, here = fields.moment(body, fields.zone(body)), sheets.place(body)
    for row, sku, quantity in sheet.items():
        _adjusted(sheet, row, sku, quantity, at, here)
    return Said(f"adjustment/{channel}/{number}", f"947/{number}", at)


def _adjusted(sheet: Sheet, row: Body, sku: str, quantity: int, at: datetime, here: str) -> None:
    code = fields.needed(row, "reason")
    known = REASONS.get(code)
    effect = EFFECTS.get(fields.text(row, "effect") or (known.effect if known else ""))
    if effect is None:
        raise Refused(
            f"unknown adjustment reason {sheets.word(code)}: give it an effect in the settings (reasons)"
        )
    if quantity == 0:
        sheet.skip(sku, "quantity zero")
    fact = effect.up if quantity > 0 else effect.down
    reason = f"{code}: {known.words}" if known else code
    sheet.add(fact, sku, abs(quantity), at, here, state=effect.state, reason=reason)


def movement(channel: str, sheet: Sheet) -> Said:
    """A row of a CSV file of movements, which is a document of its own."""
    body = sheet.body
    number, kind = fields.needed(body, "number"), fields.needed(body, "type").upper()
    if kind not in POSTED:
        raise Refused(f"unknown type of movement {sheets.word(kind)}; types are: {', '.join(POSTED)}")
    posted, at, here = POSTED[kind], fields.moment(body, fields.zone(body)), sheets.place(body)
    deal = deal_of(fields.text(body, "reference"))
    name = fields.text(body, "reference") if posted.deal in ("order", "supply", "transfer") else ""
    for row, sku, quantity in sheet.items():
        fact = posted.up if quantity > 0 or posted.up is Fact.COUNTED else posted.down
        there = {"there": sheets.party(body, "SF", "ST") or ""} if posted.deal == "transfer" else {}
        if there == {"there": ""}:
            raise Refused("the other place of a transfer is missing")
        if fact is None or (fact is Fact.COUNTED and quantity < 0):
            raise Refused(f"a movement {kind} cannot have this sign")
        if posted.deal == "adjustment" and fields.text(row, "effect"):
            effect = EFFECTS[_effect(row)]
            fact = effect.up if quantity > 0 else effect.down
            there = {"state": effect.state}
        reason = fields.text(row, "reason")
        if fact is Fact.COUNTED:
            sheet.lines.append(Line(fact=fact, sku=sku, quantity=quantity, at=at, location=here))
        elif quantity == 0:
            sheet.skip(sku, "quantity zero")
        else:
            sheet.add(fact, sku, abs(quantity), at, here, reason=reason or None, **there)
    return Said(deal or f"{posted.deal}/{channel}/{name or number}", f"movement/{number}", at)


def _effect(row: Body) -> str:
    effect = fields.text(row, "effect")
    if effect not in EFFECTS:
        raise Refused("effect is none of ours")
    return effect
