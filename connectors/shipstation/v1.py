"""What a document of API V1 claims: an order, a label (V1: shipment), or what was fulfilled without a label. Pure.

Stock leaves when a label is made (help 4415714485659). Fields: docs.shipstation.com, V1 models Order and Shipment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.errors import Refused
from connectors.shipstation import fields
from connectors.shipstation.allowlist import FULFILLMENT, ORDER, SHIPMENT
from connectors.shipstation.fields import Body
from connectors.shipstation.goods import COMBINED, Deal, Goods, Mark, claim, deal, not_ours, ours
from schemas.claims import Claim, Fact

CANCELLED = "cancelled"
STATUSES: Mapping[str, bool] = {
    "awaiting_payment": True,  # that it is demand already is inferred: a unit that may be paid for must not be sold twice
    "awaiting_shipment": True,
    "pending_fulfillment": True,
    "rejected_fulfillment": True,
    "on_hold": True,
    "shipped": True,
    CANCELLED: False,
}
"""Every `orderStatus` (V1 Order model; the two of fulfilment providers from its list of filters), and whether it stands."""

GOODS_STAY = {
    "isReturnLabel": "a return label: nothing has come back yet",
    "testLabel": "a test label",
}
"""What a label may be that takes no goods, and how that is said."""


def order(channel: str, body: Body) -> Claim:
    """Demand. A cancelled order takes all of its demand off again; that none of it was sent before is inferred.

    An order that was imported as shipped stays demanded until whoever sent it tells so: the shop, a label, a fulfilment.
    """
    where, status = fields.zone(body), fields.text(body, "orderStatus")
    if status not in STATUSES:
        raise Refused("unknown orderStatus" if status else "orderStatus is missing")
    modified = fields.instant(body, "modifyDate", where)
    placed = fields.optional_instant(body, "orderDate", where) or fields.instant(body, "createDate", where)
    goods, ident, found = Goods(), fields.identity(body, "orderId"), _deal(channel, body)
    units = goods.of(fields.rows(body, "items"))
    provider = fields.text(body, "externallyFulfilledBy") if fields.flag(body, "externallyFulfilled") else ""
    if provider and not ours(body)(provider):
        goods.skip(f"order/{ident}", not_ours(provider))
    else:
        ended = None if STATUSES[status] else modified
        goods.demand(units, (placed, _place(body, provider)), ended, created=found.created)
    return claim(
        channel,
        ORDER,
        found,
        modified,
        goods.document(f"order/{ident}", fields.milliseconds(modified)),
    )


def shipment(channel: str, body: Body) -> Claim:
    """A label: its goods have left; where it was voided they are back."""
    where, ident = fields.zone(body), fields.identity(body, "shipmentId")
    made, ended = _life(body, where)
    goods = Goods()
    if stays := [why for name, why in GOODS_STAY.items() if fields.flag(body, name)]:
        goods.skip(f"shipment/{ident}", stays[0])
    else:
        units, location = goods.of(_items(body)), _warehouse(body)
        goods.tell(Fact.SHIPPED, units, made, location)
        if ended is not None:
            goods.tell(Fact.SHIPMENT_VOIDED, units, ended, location)
    return claim(
        channel,
        SHIPMENT,
        _deal(channel, body),
        ended or made,
        goods.document(f"shipment/{ident}", fields.milliseconds(ended or made)),
    )


def fulfillment(channel: str, body: Body) -> Claim:
    """What was marked as shipped, or sent by a provider, without a label: all goods of the order that no label took.

    A fulfilment names no goods, and an order may have several. So all of one order are one document, made from the order
    and its labels: each unit leaves once.
    """
    told = {**fields.part(body, "order"), "onhand": fields.part(body, "onhand")}
    where, ident = fields.zone(told), fields.identity(told, "orderId")
    rows = fields.rows(body, "fulfillments")
    if not rows:
        raise Refused("fulfillments is empty")
    lives = [_life(row, where) for row in rows]
    goods = Goods()
    units, news = _unlabelled(body, goods, where)
    providers = [fields.text(row, "fulfillmentProviderCode") for row in rows]
    marks = [Mark(*life, provider) for life, provider in zip(lives, providers, strict=True)]
    goods.mark(f"fulfillments/{ident}", marks, units, lambda provider: _place(told, provider), ours(told))
    newest = max(news, fields.instant(told, "modifyDate", where), *(ended or made for made, ended in lives))
    return claim(
        channel,
        FULFILLMENT,
        _deal(channel, told),
        newest,
        goods.document(f"fulfillments/{ident}", fields.milliseconds(newest)),
    )


def _unlabelled(body: Body, goods: Goods, where: ZoneInfo) -> tuple[list[tuple[str, int]], datetime]:
    """The goods of an order that no label took, and the instant of the newest label."""
    left: Counter[str] = Counter()
    for item, quantity in goods.of(fields.rows(fields.part(body, "order"), "items")):
        left[item] += quantity
    news = datetime.min.replace(tzinfo=UTC)
    for row in fields.rows(body, "shipments"):
        made, ended = _life(row, where)
        news = max(news, ended or made)
        if ended is None and not any(fields.flag(row, name) for name in GOODS_STAY):
            for item, quantity in Goods().of(_items(row)):
                left[item] -= quantity
    return [(item, quantity) for item, quantity in sorted(left.items()) if quantity > 0], news


def _life(body: Body, where: ZoneInfo) -> tuple[datetime, datetime | None]:
    """When something was made, and when it was voided, if it was."""
    made = fields.instant(body, "createDate", where)
    return made, fields.instant(body, "voidDate", where) if fields.flag(body, "voided") else None


def _items(body: Body) -> Sequence[Body]:
    """The goods of a label, which are null in a list that was asked for without them."""
    if body.get("shipmentItems") is None:
        raise Refused("shipmentItems is null: ask for shipments with includeShipmentItems=true")
    return fields.rows(body, "shipmentItems")


def _deal(channel: str, body: Body) -> Deal:
    if fields.part(body, "onhand").get("combined") or fields.part(body, "advancedOptions").get("mergedIds"):
        raise Refused(COMBINED)
    number, key = fields.reference(body, "orderNumber"), fields.reference(body, "orderKey")
    store = fields.optional_identity(fields.part(body, "advancedOptions"), "storeId")
    fallback = fields.optional_identity(body, "orderId") or fields.optional_identity(body, "shipmentId")
    return deal(channel, body, (key, number), store, number or f"@{fallback}", key)


def _place(body: Body, provider: str) -> str | None:
    return f"provider:{provider}" if provider else _warehouse(fields.part(body, "advancedOptions"))


def _warehouse(body: Body) -> str | None:
    """The Ship-From warehouse."""
    found = fields.optional_identity(body, "warehouseId")
    return None if found is None else f"warehouse:{found}"
