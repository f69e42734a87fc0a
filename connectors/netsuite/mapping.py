"""What a NetSuite transaction claims. Pure.

Every transaction is one document, whole as SuiteQL shows it now, so that an edited, vanished or un-shipped line needs no
memory of ours. It belongs to the deal of what it was made from (`origins`, nearest first): a fulfilment to its sales order,
a receipt to its purchase order, return or transfer.

NetSuite dates transactions to the day. The one instant with a time that stays is that of creation, so it stands for when
goods moved: a fulfilment that was picked first has left the shelf then.
"""

from __future__ import annotations

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.links import deal_of
from connectors.netsuite import asked, fields, kinds, moved
from connectors.netsuite.allowlist import TRANSACTION
from connectors.netsuite.fields import Body
from connectors.wholesale import demand_class
from schemas.claims import Claim, Document, Line, Skipped

WITHIN_A_SECOND = 999
"""NetSuite's instants have whole seconds, versions have milliseconds: the room for what happens within one second."""


def read(channel: str, payload: Payload) -> Claim:
    """What a transaction says, in NetSuite's references. Raises `Refused`."""
    if payload.topic != TRANSACTION:
        raise Refused(f"unknown topic {payload.topic}")
    body = payload.body
    ident, kind = fields.identity(body, "id"), fields.word(body, "type")
    modified = fields.instant(body, "modified")
    lines, skipped = list[Line](), list[Skipped]()
    progress = 0
    if kind in kinds.QUIET:
        skipped.append(Skipped(item=f"{kind}/{ident}", reason=kinds.QUIET[kind]))
    elif kind in kinds.ORDERS:
        lines += asked.stated(body, kind, modified, skipped)
        progress = sum(abs(asked.handled(row)) for row in fields.rows(body, "lines")) + asked.ended(body)
    else:
        lines += moved.moved(body, kind, skipped)
        progress = len(lines)
    if not lines and not skipped:
        skipped.append(Skipped(item=f"{kind}/{ident}", reason="it has no lines"))
    document = Document(
        id=f"{kind}/{ident}",
        version=int(modified.timestamp()) * 1000 + min(progress, WITHIN_A_SECOND),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )
    return Claim(
        transaction=_deal(channel, body),
        channel=channel,
        topic=TRANSACTION,
        occurred_at=modified,
        documents=(document,),
        demand_class=demand_class(body),
    )


def _deal(channel: str, body: Body) -> str:
    """Ours, where one of them carries our reference; else that of the first of all origins."""
    holders = (body, *fields.rows(body, "origins"))
    for holder in holders:
        deal = deal_of(holder.get("externalid"))
        if deal is not None and not kinds.adjusted(holder):
            return deal
    kind = fields.word(holders[-1], "type")
    if not fields.PLAIN.fullmatch(kind):
        raise Refused("type is missing or not a word")
    return f"{kind}/{channel}/{fields.identity(holders[-1], 'id')}"
