"""The Admin GraphQL API of the double: Shopify's own schema, executed.

Schema 2026-10 as Shopify publishes it. Two rules that the schema does not express (`@idempotent`, `changeFromQuantity`) are
in `inventory`. Costs: `inventorySetQuantities` is recorded, the others are inferred from recorded calls (4 to 33 points).
"""

from __future__ import annotations

import base64
import functools
import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_client_schema,
    execute,
    parse,
    validate,
)

from connectors.shopify.sandbox import views
from connectors.shopify.sandbox.bucket import Bucket
from connectors.shopify.sandbox.inventory import Inventory
from connectors.shopify.sandbox.shop import GID, Shop

SCHEMA = Path(__file__).parents[1] / "schema" / "admin_2026-10.json.gz"
DOCUMENTS_KEPT = 200
Info = GraphQLResolveInfo[Any]
SET_COST = 13
MUTATION_COST = 10
QUERY_COST = 10


@functools.cache
def schema() -> GraphQLSchema:
    """Shopify's schema; built once, because that takes 0.2 s.

    graphql-core 3.3 would refuse it (deprecated fields of interfaces), so it is taken as valid.
    """
    introspection = orjson.loads(gzip.decompress(SCHEMA.read_bytes()))
    return build_client_schema(introspection["data"], assume_valid=True)


class Prepared:
    """A document that was parsed and validated: with its cost, or with the errors in it."""

    def __init__(self, text: str) -> None:
        self.document: DocumentNode | None = None
        self.errors: Sequence[GraphQLError] = ()
        self.cost = QUERY_COST
        try:
            document = parse(text)
        except GraphQLError as error:
            self.errors = (error,)
            return
        self.errors = validate(schema(), document)
        self.document = document
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode) and node.operation is OperationType.MUTATION:
                fields = {
                    part.name.value for part in node.selection_set.selections if isinstance(part, FieldNode)
                }
                self.cost = SET_COST if "inventorySetQuantities" in fields else MUTATION_COST


class Api:
    """Answers GraphQL requests about one shop."""

    def __init__(self, shop: Shop, inventory: Inventory, bucket: Bucket) -> None:
        self._shop = shop
        self._inventory = inventory
        self._bucket = bucket
        self._prepared: dict[str, Prepared] = {}
        self.subscriptions: list[dict[str, Any]] = []
        self._root = {
            "inventoryItems": self._inventory_items,
            "inventoryItem": lambda _info, id: self._node(id),  # noqa: A006  # Shopify's name of the argument
            "node": lambda _info, id: self._node(id),  # noqa: A006  # the same
            "nodes": lambda _info, ids: [self._node(gid) for gid in ids],
            "locations": self._locations,
            "orders": self._orders,
            "fulfillmentOrders": self._fulfillment_orders,
            "inventoryTransfers": self._transfers,
            "webhookSubscriptions": self._webhook_subscriptions,
            "webhookSubscriptionCreate": self._subscribe,
            "inventorySetQuantities": self._set_quantities,
        }

    def answer(
        self, query: str, variables: Mapping[str, Any] | None, operation: str | None
    ) -> dict[str, Any]:
        """The body of the HTTP answer."""
        prepared = self._prepared.get(query)
        if prepared is None:
            if len(self._prepared) >= DOCUMENTS_KEPT:
                self._prepared.clear()
            prepared = self._prepared[query] = Prepared(query)
        if prepared.document is None or prepared.errors:
            return {"errors": [error.formatted for error in prepared.errors]}
        if not self._bucket.take(prepared.cost):
            documentation = "https://shopify.dev/api/usage/rate-limits"
            error = {
                "message": "Throttled",
                "extensions": {"code": "THROTTLED", "documentation": documentation},
            }
            return {"errors": [error], "extensions": self._bucket.extensions(prepared.cost, None)}
        result = execute(
            schema(),
            prepared.document,
            self._root,
            variable_values=dict(variables or {}),
            operation_name=operation,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("no resolver here waits")
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        if result.data is not None:
            body["data"] = result.data
        body["extensions"] = self._bucket.extensions(prepared.cost, prepared.cost)
        return body

    def _set_quantities(self, info: Info, **arguments: Any) -> dict[str, Any]:
        return self._inventory.set_quantities(info, arguments["input"])

    def _node(self, gid: str) -> dict[str, Any] | None:
        if (item := self._shop.item_by_gid.get(gid)) is not None:
            return views.item(self._shop, item)
        kind, _, text = gid.removeprefix(GID).partition("/")
        if not text.isdecimal():
            return None
        number = int(text)
        if kind == "Order" and number in self._shop.orders:
            return views.order(self._shop.orders[number])
        if kind == "InventoryTransfer" and number in self._shop.transfers:
            return views.transfer(self._shop.transfers[number])
        if kind == "Return":
            made = (one for order in self._shop.orders.values() for one in order.returns)
            return next((views.returned(one) for one in made if one.id == number), None)
        return None

    def _inventory_items(self, _info: Info, **window: Any) -> dict[str, Any]:
        items = self._shop.items.values()  # in the order of their ids
        return connection(
            (((item.id,), item) for item in items), lambda item: views.item(self._shop, item), window
        )

    def _locations(self, _info: Info, **window: Any) -> dict[str, Any]:
        places = sorted(self._shop.locations.values(), key=lambda place: place.id)
        return connection((((place.id,), place) for place in places), views.location, window)

    def _orders(self, _info: Info, query: str | None = None, **window: Any) -> dict[str, Any]:
        """Orders, by update; of the search syntax only `updated_at:>=` is known, the rest is ignored as Shopify does."""
        since = _since("updated_at", query)
        wanted = sorted(
            ((int(order.updated_at.timestamp()), order.id), order)
            for order in self._shop.orders.values()
            if order.updated_at.replace(microsecond=0) >= since
        )
        return connection(wanted, views.order, window)

    def _fulfillment_orders(self, _info: Info, query: str | None = None, **window: Any) -> dict[str, Any]:
        since = _since("updated_at", query)
        sign = -1 if window.get("reverse") else 1
        wanted = sorted(
            ((sign * int(route.updated_at.timestamp()), sign * route.id), route)
            for order in self._shop.orders.values()
            for route in order.routes
            if route.updated_at.replace(microsecond=0) >= since
            and (window.get("includeClosed") or route.status != "CLOSED")
        )
        return connection(wanted, views.route, window)

    def _transfers(self, _info: Info, query: str | None = None, **window: Any) -> dict[str, Any]:
        """Transfers by id; `created_at:>=` and `status:` are known, and met by either."""
        since, statuses = _since("created_at", query), set(re.findall(r"status:(\w+)", query or ""))
        wanted = (
            ((made.id,), made)
            for made in self._shop.transfers.values()
            if not query
            or made.status.lower() in statuses
            or ("created_at" in query and made.created_at.replace(microsecond=0) >= since)
        )
        return connection(wanted, views.transfer, window)

    def _webhook_subscriptions(self, _info: Info, **window: Any) -> dict[str, Any]:
        numbered = (((number,), held) for number, held in enumerate(self.subscriptions))
        return connection(numbered, lambda held: held, window)

    def _subscribe(
        self,
        _info: Info,
        topic: str,
        webhookSubscription: Mapping[str, Any],  # noqa: N803  # Shopify's name
    ) -> dict[str, Any]:
        uri = webhookSubscription.get("uri") or webhookSubscription.get("callbackUrl")
        if any(held["topic"] == topic and held["uri"] == uri for held in self.subscriptions):
            message = "Address for this topic has already been taken"
            field = ["webhookSubscription", "callbackUrl"]
            return {"webhookSubscription": None, "userErrors": [{"field": field, "message": message}]}
        number = len(self.subscriptions) + 1
        held: dict[str, Any] = {
            "__typename": "WebhookSubscription",
            "id": f"{GID}WebhookSubscription/{number}",
            "legacyResourceId": str(number),
            "topic": topic,
            "uri": uri,
            "callbackUrl": uri,
            "format": "JSON",
            "includeFields": [],
        }
        self.subscriptions.append(held)
        return {"webhookSubscription": held, "userErrors": []}


def _since(field: str, query: str | None) -> datetime:
    found = re.search(rf"{field}:>=\s*'?([^'\s]+)'?", query or "")
    return datetime.fromisoformat(found[1]) if found else datetime.min.replace(tzinfo=UTC)


def connection(
    rows: Iterable[tuple[tuple[int, ...], Any]], view: Any, window: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of rows that are sorted by their keys: the first `first` after the cursor `after`."""
    first = window.get("first")
    if first is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if first > 250:
        raise GraphQLError("first cannot exceed 250", extensions={"code": "BAD_REQUEST"})
    after = window.get("after")
    start = tuple(orjson.loads(base64.b64decode(after))) if after else ()
    page: list[tuple[tuple[int, ...], Any]] = []
    for row in rows:
        if row[0] > start:
            page.append(row)
            if len(page) > first:
                break
    shown = page[:first]
    cursor = base64.b64encode(orjson.dumps(shown[-1][0])).decode() if shown else None
    return {
        "nodes": [view(value) for _, value in shown],
        "pageInfo": {
            "hasNextPage": len(page) > first,
            "hasPreviousPage": bool(start),
            "startCursor": None,
            "endCursor": cursor,
        },
    }
