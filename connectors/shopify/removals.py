"""Which units of an order's line were taken off again without a refund line that says `cancel`. Pure.

A unit leaves an order unsent in three ways: a refund line `cancel` (the refund's own document counts it), a refund line
`no_restock` of a unit that was not sent, and an order edit or a cancellation that may leave no refund line. Only the order
tells the last two. All numbers here come from one snapshot of the order, so each unit is counted once, whichever of the
order's and the refund's documents were seen, in whatever order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.shopify import fields
from connectors.shopify.fields import Body

SENT = frozenset({"pending", "open", "success"})
"""The statuses of a fulfilment whose units count as sent."""


def removed(order: Body, line: Body, placed: datetime) -> Iterator[tuple[datetime, int]]:
    """When and how many units of a line were taken off, beyond what refund lines `cancel` say.

    Units refunded with `no_restock` come first, at their refund's instant; the rest at the order's cancellation. An order
    edit leaves no instant of its own: its units count as never ordered, from `placed` on, so that the instant does not
    depend on which version was seen.
    """
    refunded = sorted(_refunded(order, fields.identity(line, "id")))
    left = _gone(order, line) - sum(number for _, restock, number in refunded if restock == "cancel")
    for at, restock, number in refunded:
        taken = min(left, number) if restock == "no_restock" else 0
        if taken > 0:
            left -= taken
            yield at, taken
    if left > 0:
        yield fields.optional_instant(order, "cancelled_at") or placed, left


def _gone(order: Body, line: Body) -> int:
    """Units that will not be sent any more: of a cancelled order all that were not sent.

    Else those that are neither sent nor still to be sent, and at most those that Shopify says were refunded or removed
    (`current_quantity`: ordered units excluding refunded and removed ones, schema 2026-10). The second bound holds for an
    order whose fulfilments are not in its webhook yet; inferred.
    """
    quantity = fields.units(line, "quantity")
    unsent = quantity - _sent(order, fields.identity(line, "id"))
    if fields.optional_instant(order, "cancelled_at") is not None:
        return unsent
    withdrawn = quantity - fields.units(line, "current_quantity")
    return min(withdrawn, unsent - fields.units(line, "fulfillable_quantity"))


def _sent(order: Body, line: str) -> int:
    return sum(
        fields.units(row, "quantity")
        for parcel in fields.optional_rows(order, "fulfillments")
        if fields.text(parcel, "status") in SENT
        for row in fields.rows(parcel, "line_items")
        if fields.identity(row, "id") == line
    )


def _refunded(order: Body, line: str) -> Iterator[tuple[datetime, str, int]]:
    for refund in fields.optional_rows(order, "refunds"):
        for row in fields.rows(refund, "refund_line_items"):
            if fields.identity(row, "line_item_id") == line:
                at = fields.instant(refund, "created_at")
                yield at, fields.text(row, "restock_type"), fields.units(row, "quantity")
