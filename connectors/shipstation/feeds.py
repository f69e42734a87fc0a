"""The lists that a poll reads, one row each: where they are, what dates their rows, and by what they can be asked for.

V1: docs.shipstation.com (list orders, shipments, fulfillments). V2: OpenAPI 2.0.0 of 2025-08-13; fulfillments:
docs.shipstation.com, List fulfillments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connectors.shipstation.allowlist import (
    FULFILLMENT,
    ORDER,
    SHIPMENT,
    V2_FULFILLMENT,
    V2_LABEL,
    V2_SHIPMENT,
)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One list. `ident` names a row and `at` dates it; `since` asks for rows from an instant on.

    An `ordered` one comes oldest first by `at`, so that it can be read on from the last row's instant. A `windowed` one
    cannot be asked by `at`: it is read anew for as long as its rows may still change. Rows of an unordered one without `at`
    are not meant. A list is read whole at first, if not from `first` on.
    """

    name: str
    topic: str
    listed: str
    ident: str
    at: str
    since: str
    query: Mapping[str, str]
    ordered: bool = True
    windowed: bool = False
    first: datetime | None = None

    @property
    def path(self) -> str:
        """Where the list is: both APIs call its rows as they call its path."""
        return f"/{self.listed}"


ORDERS = Feed(
    name="orders",
    topic=ORDER,
    listed="orders",
    ident="orderId",
    at="modifyDate",
    since="modifyDateStart",
    query={"sortBy": "ModifyDate", "sortDir": "ASC"},
)
SHIPMENTS = Feed(
    name="shipments",
    topic=SHIPMENT,
    listed="shipments",
    ident="shipmentId",
    at="createDate",
    since="createDateStart",
    query={"sortBy": "CreateDate", "sortDir": "ASC", "includeShipmentItems": "true"},
)
FULFILLMENTS = Feed(
    name="fulfillments",
    topic=FULFILLMENT,
    listed="fulfillments",
    ident="fulfillmentId",
    at="createDate",
    since="createDateStart",
    query={"sortBy": "CreateDate", "sortDir": "ASC"},
)
V2_SHIPMENTS = Feed(
    name="shipments",
    topic=V2_SHIPMENT,
    listed="shipments",
    ident="shipment_id",
    at="modified_at",
    since="modified_at_start",
    query={"sort_by": "modified_at", "sort_dir": "asc"},
)
V2_LABELS = Feed(
    name="labels",
    topic=V2_LABEL,
    listed="labels",
    ident="label_id",
    at="created_at",
    since="created_at_start",
    query={"sort_by": "created_at", "sort_dir": "asc"},
)
V2_FULFILLMENTS = Feed(
    name="fulfillments",
    topic=V2_FULFILLMENT,
    listed="fulfillments",
    ident="fulfillment_id",
    at="created_at",
    since="create_date_start",
    query={"sort_by": "created_at", "sort_dir": "asc"},
)

FEEDS: Mapping[str, tuple[Feed, ...]] = {
    "v1": (
        ORDERS,
        SHIPMENTS,
        replace(
            SHIPMENTS,
            name="voids",
            at="voidDate",
            since="voidDateStart",
            ordered=False,
            first=datetime(2000, 1, 1, tzinfo=UTC),
        ),
        FULFILLMENTS,
        replace(FULFILLMENTS, name="fulfillment_voids", at="voidDate", ordered=False, windowed=True),
    ),
    "v2": (
        V2_SHIPMENTS,
        V2_LABELS,
        replace(
            V2_LABELS,
            name="voids",
            at="voided_at",
            query={**V2_LABELS.query, "label_status": "voided"},
            ordered=False,
            windowed=True,
        ),
        V2_FULFILLMENTS,
        replace(V2_FULFILLMENTS, name="fulfillment_voids", at="voided_at", ordered=False, windowed=True),
    ),
}
"""By API. V1's shipments are its labels, and "mark as shipped" makes a fulfilment instead."""
