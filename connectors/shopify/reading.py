"""Orders and transfers read whole, however many pages their parts have, in the shapes of `polled`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from connectors.contract import Payload
from connectors.shopify import documents, polled
from connectors.shopify.admin import Admin, Node
from connectors.shopify.allowlist import POLLED_ORDERS, POLLED_TRANSFERS, cut
from connectors.shopify.customers import asked
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.wholesale import judged

PART = 10
"""Reverse fulfilment orders of one page."""


class Reader:
    """Reads what a channel polls."""

    def __init__(self, admin: Admin, settings: ShopifySettings) -> None:
        self._admin = admin
        self._settings = settings
        self.wants = {
            "routing": "routing" in settings.polls,
            "returns": "returns" in settings.polls,
            "customers": settings.customers,
            "groups": bool(settings.wholesale.groups),
        }
        """The variables of every document that reads an order."""
        network = settings.rules.publish == "network"
        self._nowhere = settings.publish_location if network else None

    async def order(self, node: Node) -> Payload:
        """An order, with where it was routed to and what came back, as far as the channel polls that."""
        whole, number = self._admin.whole, int(node["legacyResourceId"])
        lines = [polled.line(row) for row in await whole(node, "lineItems", documents.MORE_LINES)]
        parcels = [
            polled.fulfillment(
                part, number, await whole(part, "fulfillmentLineItems", documents.MORE_PARCEL_LINES)
            )
            for part in node["fulfillments"]
        ]
        refunds = [
            polled.refund(part, number, await whole(part, "refundLineItems", documents.MORE_REFUND_LINES))
            for part in node["refunds"]
        ]
        body = dict(polled.order(node, lines, parcels, refunds))
        if self.wants["routing"]:
            body["fulfillment_orders"] = await self._routed(node)
        if self.wants["returns"]:
            body["reverse_fulfillment_orders"] = await self._reversed(node)
        whole_of_it = {**body, **polled.buyer(node)}
        kept = cut(POLLED_ORDERS, judged(self._settings, whole_of_it))
        return Payload(POLLED_ORDERS, kept, asked(self._settings, POLLED_ORDERS, whole_of_it))

    async def order_again(self, gid: str) -> Payload | None:
        """An order by its gid; None where there is none."""
        data = await self._admin.patient(documents.ORDER_AGAIN, {"id": gid, **self.wants})
        return await self.order(data["node"]) if data["node"] else None

    async def transfer(self, node: Node) -> Payload:
        """A transfer with its shipments, as it is at the platform's clock."""
        whole = self._admin.whole
        read_at = self._admin.seen_at.astimezone(UTC).isoformat()
        lines = await whole(node, "lineItems", documents.MORE_TRANSFER_LINES)
        shipments = [
            polled.shipment(part, await whole(part, "lineItems", documents.MORE_SHIPMENT_LINES))
            for part in await whole(node, "shipments", documents.MORE_SHIPMENTS)
        ]
        body = polled.transfer(node, lines, shipments, read_at)
        return Payload(POLLED_TRANSFERS, cut(POLLED_TRANSFERS, body))

    async def _routed(self, order: Node) -> Sequence[Node]:
        parts = await self._admin.whole(order, "fulfillmentOrders", documents.MORE_ROUTED)
        return [
            polled.routed(
                part,
                await self._admin.whole(part, "lineItems", documents.MORE_ROUTED_LINES),
                self._nowhere,
            )
            for part in parts
        ]

    async def _reversed(self, order: Node) -> Sequence[Node]:
        """Few orders have returns, so each return is asked for by itself."""
        found: list[Node] = []
        for one in await self._admin.whole(order, "returns", documents.MORE_RETURNS):
            after: str | None = None
            while True:
                asked = {"id": one["id"], "first": PART, "after": after}
                page = (await self._admin.patient(documents.REVERSE, asked))["node"]["part"]
                for part in page["nodes"]:
                    lines = await self._admin.whole(part, "lineItems", documents.MORE_REVERSED_LINES)
                    found.append(polled.reversed_part(part, lines))
                if not page["pageInfo"]["hasNextPage"]:
                    break
                after = page["pageInfo"]["endCursor"]
        return found
