"""What a warehouse corrects (947), and the movements of a CSV file. Pure."""

from __future__ import annotations

from datetime import datetime

from connectors.errors import Refused
from connectors.links import deal_of
from connectors.rlm import fields, sheets
from connectors.rlm.codes import EFFECTS, POSTED, REASONS, Effect
from connectors.rlm.fields import Body
from connectors.rlm.sheets import Said, Sheet
from schemas.claims import Fact


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
    fact = effect.up if quantity > 0 else effect.down
    if quantity == 0 or fact is None:
        sheet.skip(sku, "quantity zero")
        return
    reason = f"{code}: {known.words}" if known else code
    sheet.add(fact, sku, abs(quantity), at, here, state=effect.state, reason=reason)


def movement(channel: str, sheet: Sheet) -> Said:
    """A row of a CSV file of movements, which is a document of its own."""
    body = sheet.body
    number, kind = fields.needed(body, "number"), fields.needed(body, "type").upper()
    if kind not in POSTED:
        raise Refused(f"unknown type of movement {sheets.word(kind)}; types are: {', '.join(POSTED)}")
    posted, at, here = POSTED[kind], fields.moment(body, fields.zone(body)), sheets.place(body)
    there = sheets.party(body, "SF", "ST") if posted.deal == "transfer" else None
    if posted.deal == "transfer" and there is None:
        raise Refused("the other place of a transfer is missing")
    for row, sku, quantity in sheet.items():
        plain = Effect(posted.up, posted.down)
        effect = EFFECTS.get(fields.text(row, "effect"), plain) if posted.deal == "adjustment" else plain
        fact = effect.up if quantity >= 0 else effect.down
        if quantity == 0 and fact is not Fact.COUNTED:
            sheet.skip(sku, "quantity zero")
        elif fact is None:
            raise Refused(f"a movement {kind} cannot have this sign")
        else:
            reason = fields.text(row, "reason") or None
            sheet.add(fact, sku, abs(quantity), at, here, state=effect.state, there=there, reason=reason)
    reference = fields.text(body, "reference")
    name = reference if reference and posted.deal in JOINED else number
    known = fields.text(body, "deal") or deal_of(reference)
    return Said(known or f"{posted.deal}/{channel}/{name}", f"movement/{number}", at)


JOINED = ("order", "supply", "transfer")
"""Deals of which a reference is the name: several movements belong to one."""
