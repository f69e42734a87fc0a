"""Everything that changed since a cursor, whatever webhooks were lost.

Orders are asked for by when they were updated. Being routed anew touches the fulfilment orders and not always the order
(recorded: a move leaves even the fulfilment order that it came from as old as it was), so those are asked for too, and
their orders read again. That a return or a disposition touches its order is inferred. Transfers do not say when they
changed (schema 2026-10): those under way are read every time, and told when they say something new.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from connectors.contract import Payload
from connectors.shopify import documents
from connectors.shopify.admin import Admin, Node
from connectors.shopify.cursor import OVERLAP, Cursor, Walk, stamp
from connectors.shopify.reading import Reader
from connectors.shopify.settings import ShopifySettings

ORDERS_PAGE = 25
"""Nodes of a page whose nodes have lists of their own; a query may cost 1,000 points."""

TRANSFERS_PAGE = 10
ROUTED_PAGE = 50
"""Fulfilment orders of a page, each of which may have its order read again before the cursor moves."""

PAGED_MAX = 25_000
"""Shopify pages through this many objects and no further (shopify.dev limits): then the search starts anew."""

UNDER_WAY = "status:ready_to_ship OR status:in_progress"

Page = tuple[Sequence[Payload], str]


class Poll:
    """One poll of a channel."""

    def __init__(self, admin: Admin, settings: ShopifySettings) -> None:
        self._admin = admin
        self._polls = settings.polls
        self._reader = Reader(admin, settings)
        self._routed: dict[str, str] = {}
        """By order, until when this poll knows where it was routed to."""

    async def since(self, text: str | None) -> AsyncIterator[Page]:
        """Page by page, each with the cursor after it."""
        at = Cursor.read(text)
        if at.routed is None and "routing" in self._polls:
            at.routed = Walk(await self._newest_routing())
        steps: list[AsyncIterator[Sequence[Payload]]] = [self._orders(at)]
        if "routing" in self._polls:
            steps.append(self._reroutings(at))
        if "transfers" in self._polls:
            steps.append(self._transfers(at))
        for step in steps:
            async for payloads in step:
                yield payloads, at.written

    async def _orders(self, at: Cursor) -> AsyncIterator[Sequence[Payload]]:
        async for nodes in self._walk(documents.ORDERS, "orders", at.orders, ORDERS_PAGE, self._reader.wants):
            payloads = [await self._reader.order(node) for node in nodes]
            self._routed |= {
                node["id"]: _routed_at(payload) for node, payload in zip(nodes, payloads, strict=True)
            }
            yield payloads

    async def _newest_routing(self) -> str:
        """When a fulfilment order last changed. A first poll reads every order after that, so only later ones are news."""
        asked = {"first": 1, "after": None, "query": None, "reverse": True}
        nodes = (await self._admin.patient(documents.ROUTED_SINCE, asked))["fulfillmentOrders"]["nodes"]
        return str(nodes[0]["updatedAt"]) if nodes else ""

    async def _reroutings(self, at: Cursor) -> AsyncIterator[Sequence[Payload]]:
        """Orders with a fulfilment order that is newer than what this poll has read of them."""
        assert at.routed is not None
        async for nodes in self._walk(
            documents.ROUTED_SINCE, "fulfillmentOrders", at.routed, ROUTED_PAGE, {"reverse": False}
        ):
            payloads: list[Payload] = []
            for node in nodes:
                gid = node["orderId"]
                if node["updatedAt"] > self._routed.get(gid, ""):
                    payload = await self._reader.order_again(gid)
                    if payload is not None:
                        payloads.append(payload)
                        self._routed[gid] = max(node["updatedAt"], _routed_at(payload))
            yield payloads

    async def _walk(
        self, document: str, root: str, walk: Walk, size: int, variables: Mapping[str, Any]
    ) -> AsyncIterator[list[Node]]:
        """What was updated since, oldest first; `walk` goes along."""
        more = True
        while more:
            read = 0
            more = False
            asked = {**variables, "query": walk.search}
            async for page in self._admin.pages(document, root, size, asked):
                fresh = walk.fresh(page)
                if fresh:
                    walk.saw(fresh, self._admin.seen_at)
                    yield fresh
                read += len(page)
                if read >= PAGED_MAX and fresh:
                    more = True
                    break

    async def _transfers(self, at: Cursor) -> AsyncIterator[Sequence[Payload]]:
        """Transfers that are new, under way, or were when they were last read."""
        since = at.transfers_since
        search = f"created_at:>='{since}' OR {UNDER_WAY}" if since else None
        found: dict[str, str] = {}
        first, told = "", not since
        async for page in self._admin.pages(
            documents.TRANSFERS, "inventoryTransfers", TRANSFERS_PAGE, {"query": search}
        ):
            first = first or stamp(self._admin.seen_at - OVERLAP)
            payloads = [payload async for payload in self._changed(page, at, found)]
            if payloads:
                told = True
                yield payloads
        left: list[Payload] = []
        for gid in sorted(at.transfers.keys() - found.keys()):
            node = (await self._admin.patient(documents.TRANSFER_AGAIN, {"id": gid}))["node"]
            left += [payload async for payload in self._changed([node] if node else [], at, {})]
        if told or at.transfers.keys() != found.keys():
            at.transfers, at.transfers_since = found, first
            yield left

    async def _changed(
        self, nodes: Sequence[Node], at: Cursor, found: dict[str, str]
    ) -> AsyncIterator[Payload]:
        for node in nodes:
            payload = await self._reader.transfer(node)
            digest = _digest(payload.body)
            found[node["id"]] = digest
            if at.transfers.get(node["id"]) != digest:
                at.transfers[node["id"]] = digest
                yield payload


def _digest(body: Mapping[str, Any]) -> str:
    """What a transfer says, whenever it was read."""
    said = {name: value for name, value in body.items() if name != "read_at"}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _routed_at(order: Payload) -> str:
    """The newest of its fulfilment orders."""
    return max((part["updated_at"] for part in order.body.get("fulfillment_orders") or ()), default="")
