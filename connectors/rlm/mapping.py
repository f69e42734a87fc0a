"""What a partner's document claims, in the partner's references. Pure.

Each document states a whole, so a resend changes nothing: it is the same document in a newer version (`fields.version`), with
the same lines at the same instants. A deal is found by our own order number (`deal`, looked up when the file was read, or a
reference of ours), else by the purchase order, which the retailer's 850 and the warehouse's 945 both carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.rlm import adjustments, fields, goods_in, goods_out, sheets
from connectors.rlm.fields import Body
from connectors.rlm.sheets import Said, Sheet
from connectors.rlm.x12 import FAULTS
from schemas.claims import Claim, Document, Observation


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims. Raises `Refused`."""
    topic, body = payload.topic, payload.body
    if topic == "940":
        raise Refused("a 940 is an order that we send: nobody sends one to us")
    reader = READERS.get(topic)
    if reader is None and topic != "846":
        raise Refused(f"unknown topic {topic}")
    if fault := fields.text(body, "fault"):
        raise Refused(FAULTS.get(fault, ("the transaction set is wrong",))[0])
    if reader is None:
        return _level(channel, body)
    sheet = Sheet(body)
    said = reader(channel, sheet)
    if not sheet.lines and not sheet.skipped:
        sheet.skip(said.document, "the document has no lines")
    version = 1 if topic == "movements" else fields.version(body, fields.zone(body))
    document = Document(
        id=said.document, version=version, lines=tuple(sheet.lines), skipped=tuple(sheet.skipped)
    )
    return Claim(
        transaction=said.deal,
        channel=channel,
        topic=topic,
        occurred_at=said.at,
        documents=(document,),
        demand_class=said.demand_class,
    )


def _acknowledgement(channel: str, sheet: Sheet) -> Said:
    """997: the partner has read a group of ours. One that it rejects is refused here, because a person has to act."""
    body = sheet.body
    group, status = fields.needed(body, "number"), fields.needed(body, "status")
    kind = sheets.word(fields.text(body, "group_kind"))
    bad = [
        sheets.word(fields.text(row, "kind"))
        for row in fields.rows(body, "lines")
        if row.get("status") not in ACCEPTED
    ]
    if status not in ACCEPTED or bad:
        about = f"group {group} ({kind})" if group.isdigit() else "a group"
        raise Refused(f"the partner rejected {about} of ours: {', '.join(bad) or 'all of it'}")
    sheet.skip(f"group {group}" if group.isdigit() else "group", "acknowledged")
    return Said(f"acknowledgement/{channel}/{group}", f"997/{group}", sheets.made(body))


ACCEPTED = ("A", "E")
"""AK5 and AK9 (elements 717, 715): accepted, accepted with errors noted."""


READERS: Mapping[str, Callable[[str, Sheet], Said]] = {
    "850": goods_out.purchase_order,
    "856": goods_out.ship_notice,
    "943": goods_in.advance_notice,
    "944": goods_in.receipt,
    "945": goods_out.shipment,
    "947": adjustments.adjustment,
    "997": _acknowledgement,
    "movements": adjustments.movement,
}


def _level(channel: str, body: Body) -> Observation:
    """846: one item's level as of the report's own instant. Where the level's qualifier is not there, the only quantity is
    the level; of several it is not known which.
    """
    where = fields.zone(body)
    if sheets.stands(fields.needed(body, "purpose")):
        raise Refused("the 846 was cancelled")
    row = next(iter(fields.rows(body, "lines")), None)
    if row is None:
        raise Refused("the 846 lists no item: an empty report is no report")
    preferred = fields.text(body, "item_qualifiers").split() or fields.ITEM_QUALIFIERS
    wanted = fields.text(body, "level_qualifier") or "33"
    given = fields.rows(row, "quantities")
    level = next(
        (one for one in given if one.get("qualifier") == wanted), given[0] if len(given) == 1 else None
    )
    if level is None:
        raise Refused("no quantity of the item is the level (level_qualifier)")
    return Observation(
        channel=channel,
        topic="846",
        sku=fields.item(row, preferred, "the item"),
        location=sheets.place(body),
        level=fields.units(level, row, "the item"),
        observed_at=fields.moment(body, where),
        version=fields.version(body, where),
    )
