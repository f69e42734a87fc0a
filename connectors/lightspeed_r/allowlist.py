"""The fields of R-Series' documents that Onhand keeps. All others (customer, employee, payments, notes) stop here.

A note or a reference number is kept only where it is the one that we gave (`connectors.links`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Shape, values
from connectors.links import OURS

SALE = "sale"
RESERVATION = "reservation"
TRANSFER = "transfer"
ORDER = "purchase_order"
LOG = "inventory_log"

TOPICS = (SALE, RESERVATION, TRANSFER, ORDER, LOG)

PUSHED = "onhand-push:"
"""What the reference number of a sale begins with that is our own adjustment of levels (`sink`)."""

REFERENCE = re.compile(f"({OURS}|{PUSHED})" + r"[A-Za-z0-9][A-Za-z0-9_./:#-]{0,199}")
"""A reference of ours: a transaction's name has no spaces and no @, so that a sentence or an address is none."""

REFERENCES = frozenset({"note", "referenceNumber"})
"""Fields that people write into as well, so that they are kept only where they hold a reference of ours."""

SALE_STATE = values("saleID", "completed", "voided", "completeTime", "updatetime", "updateTime", "timeStamp")
LINE: Shape = {
    **values(
        "saleLineID", "saleID", "shopID", "itemID", "unitQuantity", "lineType", "createTime", "timeStamp"
    ),
    **values("isLayaway", "isSpecialOrder", "isWorkorder"),
    "InventorySales": {"InventorySale": [values("quantity")]},
    "Note": values("note"),
}
SHAPES: Mapping[str, Shape] = {
    SALE: {
        **SALE_STATE,
        **values("shopID", "createTime", "referenceNumber"),
        "SaleLines": {"SaleLine": [LINE]},
    },
    RESERVATION: {**LINE, "Sale": SALE_STATE, **values("removedTime")},
    TRANSFER: {
        **values("transferID", "status", "archived", "createTime", "sentOn", "timeStamp"),
        **values("sendingShopID", "receivingShopID"),
        "TransferItems": {
            "TransferItem": [values("transferItemID", "itemID", "sent", "received", "timeStamp")]
        },
    },
    ORDER: {
        **values("orderID", "shopID", "orderedDate", "createTime", "timeStamp", "complete", "archived"),
        "OrderLines": {
            "OrderLine": [values("orderLineID", "itemID", "quantity", "checkedIn", "createTime", "timeStamp")]
        },
    },
    LOG: values(
        *("inventoryLogID", "qohChange", "createTime", "reason", "itemID", "shopID"),
        *("saleID", "transferID", "orderID", "inventoryCountID", "vendorReturnID"),
    ),
}
UNKNOWN: Shape = values("timeStamp")


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only, its lists as lists; of an unknown topic not even the id."""
    shape = SHAPES.get(topic, UNKNOWN)
    return allowlist.cut(_listed(body, shape), shape)


def _listed(body: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The document with lists where R-Series writes a lone child as an object, and without the notes of others.

    `{"SaleLines": {"SaleLine": {..}}}` becomes `{"SaleLines": {"SaleLine": [{..}]}}`.
    """
    found = dict(body)
    for name, wanted in shape.items():
        part = found.get(name)
        if name in REFERENCES and not (isinstance(part, str) and REFERENCE.fullmatch(part)):
            found.pop(name, None)
        elif isinstance(wanted, Mapping) and isinstance(part, Mapping):
            found[name] = _listed(part, wanted)
        elif isinstance(wanted, list) and isinstance(part, Mapping):
            found[name] = [_listed(part, wanted[0])]
        elif isinstance(wanted, list) and isinstance(part, list):
            found[name] = [_listed(row, wanted[0]) if isinstance(row, Mapping) else row for row in part]
    return found
