"""The sandbox's GraphQL: Shopify's own schema of 2026-10, executed, with the rules that the schema does not tell.

Those rules are from recorded answers of a real shop (2026-04): an `@idempotent` key and `changeFromQuantity` must be
present, an unknown item is a user error with its row, one bad row leaves the whole call undone [inferred for mixed calls].
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_client_schema,
    execute_sync,
    parse,
    validate,
)

from connectors.shopify.shop import Shop

PAGE = 250
Info = GraphQLResolveInfo[Any]
QUERY_COST = 12
MUTATION_COST = 13
"""Recorded: a set with one quantity costs 13. That more rows cost no more is inferred."""


@cache
def schema() -> GraphQLSchema:
    """Shopify's Admin schema, 2026-10, with our resolvers. Taken as valid: graphql-core is stricter than Shopify."""
    packed = (files("connectors.shopify") / "schema" / "admin_2026-10.json.gz").read_bytes()
    built = build_client_schema(orjson.loads(gzip.decompress(packed))["data"], assume_valid=True)
    for kind, resolvers in RESOLVERS.items():
        for name, resolver in resolvers.items():
            built.type_map[kind].fields[name].resolve = resolver  # type: ignore[attr-defined]  # object types
    built.type_map["Node"].resolve_type = lambda value, *_: value["__typename"]  # type: ignore[attr-defined]  # interface
    return built


@cache
def checked(text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    """A document, parsed and validated once."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, (error,)
    return document, tuple(validate(schema(), document))


class Endpoint:
    """One shop's endpoint. `restore` is the cost points given back each second (Standard: 100); the bucket holds 20 times
    as many."""

    def __init__(self, shop: Shop, restore: float) -> None:
        self.shop, self.restore = shop, restore
        self.subscriptions: list[dict[str, str]] = []
        self.done: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.pushed = 0
        self._bucket, self._at = restore * 20, time.monotonic()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the answer to a request."""
        document, errors = checked(str(request.get("query", "")))
        if errors or document is None:
            return {"errors": [{"message": e.message, "extensions": {"code": "undefinedField"}} for e in errors]}
        cost = MUTATION_COST if str(request.get("query", "")).lstrip().startswith("mutation") else QUERY_COST
        now = time.monotonic()
        self._bucket = min(self.restore * 20, self._bucket + (now - self._at) * self.restore)
        self._at = now
        if self._bucket < cost:
            throttled = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
            return {"errors": throttled, "extensions": self._cost(cost, None)}
        self._bucket -= cost
        found = execute_sync(
            schema(),
            document,
            context_value=self,
            variable_values=dict(request.get("variables") or {}),
        )
        body: dict[str, Any] = {"data": found.data, "extensions": self._cost(cost, cost)}
        if found.errors:
            body["errors"] = [
                {"message": e.message, "path": e.path, "extensions": e.extensions or {"code": "INTERNAL_SERVER_ERROR"}}
                for e in found.errors
            ]
        return body

    def _cost(self, requested: int, actual: int | None) -> dict[str, Any]:
        status = {
            "maximumAvailable": self.restore * 20,
            "currentlyAvailable": int(self._bucket),
            "restoreRate": self.restore,
        }
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}


def _connection(rows: list[dict[str, Any]], first: int | None, after: str | None) -> dict[str, Any]:
    start = int(after) if after else 0
    size = min(first or PAGE, PAGE)
    end = start + size
    return {"nodes": rows[start:end], "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end)}}


def _items(_: Any, info: Info, first: int | None = None, after: str | None = None, **__: Any) -> Any:
    shop: Shop = info.context.shop
    start = int(after) if after else 0
    end = start + min(first or PAGE, PAGE)
    skus = list(shop.items)
    nodes = [_item(shop, sku) for sku in skus[start:end]]
    return {"nodes": nodes, "pageInfo": {"hasNextPage": end < len(skus), "endCursor": str(end)}}


def _item(shop: Shop, sku: str) -> dict[str, Any]:
    ident, tracked = shop.items[sku]
    return {"__typename": "InventoryItem", "id": f"gid://shopify/InventoryItem/{ident}", "sku": sku, "tracked": tracked}


def _locations(_: Any, info: Info, first: int | None = None, after: str | None = None, **__: Any) -> Any:
    found = info.context.shop.locations
    return _connection([{"id": f"gid://shopify/Location/{n}", "name": name} for name, n in found.items()], first, after)


def _nodes(_: Any, info: Info, ids: list[str]) -> list[Any]:
    shop: Shop = info.context.shop
    skus = [shop.skus.get(int(gid.rsplit("/", 1)[-1])) if "/InventoryItem/" in gid else None for gid in ids]
    return [None if sku is None else _item(shop, sku) for sku in skus]


def _level(item: Any, info: Info, locationId: str, **_: Any) -> Any:  # noqa: N803  # Shopify's argument
    shop: Shop = info.context.shop
    location = _location(shop, locationId)
    if location is None or (item["sku"], location) not in shop.available:
        return None
    return {"sku": item["sku"], "location": location}


def _quantities(level: Any, info: Info, names: list[str]) -> list[dict[str, Any]]:
    shop: Shop = info.context.shop
    cell = level["sku"], level["location"]
    known = {"available": shop.available[cell], "committed": shop.committed[cell]}
    known["on_hand"] = known["available"] + known["committed"]
    return [{"name": name, "quantity": known.get(name, 0)} for name in names]


def _location(shop: Shop, gid: str) -> str | None:
    return next((name for name, n in shop.locations.items() if gid == f"gid://shopify/Location/{n}"), None)


def _refuse(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def _set_quantities(_: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002  # Shopify's
    endpoint: Endpoint = info.context
    key = _idempotency_key(info)
    if key is None:
        raise _refuse("BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.")
    rows = input["quantities"]
    if any("changeFromQuantity" not in row for row in rows):
        missing = "InventoryQuantityInput must include the following argument: changeFromQuantity."
        raise _refuse("INVALID_FIELD_ARGUMENTS", missing)
    if len(rows) > PAGE:
        raise _refuse("MAX_INPUT_SIZE_EXCEEDED", f"The input array size of {len(rows)} is greater than the maximum of 250.")
    if key in endpoint.done:
        asked, answer = endpoint.done[key]
        return answer if asked == input else _failed(None, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "The key was used before.")
    errors = [error for index, row in enumerate(rows) for error in _faults(endpoint.shop, index, row)]
    answer = {"inventoryAdjustmentGroup": None, "userErrors": errors}
    if not errors:
        for row in rows:
            sku, location = endpoint.shop.skus[_number(row["inventoryItemId"])], _location(endpoint.shop, row["locationId"])
            assert location is not None
            endpoint.shop.change(sku, location, row["quantity"] - endpoint.shop.available[sku, location])
            endpoint.pushed += 1
        group = f"gid://shopify/InventoryAdjustmentGroup/{endpoint.shop.new_id()}"
        answer["inventoryAdjustmentGroup"] = {"id": group, "reason": input["reason"], "changes": []}
        endpoint.done[key] = (input, answer)
    return answer


def _idempotency_key(info: Info) -> str | None:
    for directive in info.field_nodes[0].directives or ():
        if directive.name.value == "idempotent":
            value: Any = next(iter(directive.arguments or ())).value
            return str(info.variable_values.coerced[value.name.value] if value.kind == "variable" else value.value)
    return None


def _faults(shop: Shop, index: int, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    sku, location = shop.skus.get(_number(row["inventoryItemId"])), _location(shop, row["locationId"])
    if sku is None:
        return _error(index, "inventoryItemId", "INVALID_INVENTORY_ITEM", "The specified inventory item could not be found.")
    if location is None:
        return _error(index, "locationId", "INVALID_LOCATION", "The specified location could not be found.")
    expected = row["changeFromQuantity"]
    if expected is not None and expected != shop.available[sku, location]:
        stale = "The changeFromQuantity value does not match the current quantity."
        return _error(index, "changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE", stale)
    return []


def _error(index: int, name: str, code: str, message: str) -> list[dict[str, Any]]:
    return [{"field": ["input", "quantities", str(index), name], "code": code, "message": message}]


def _failed(name: list[str] | None, code: str, message: str) -> dict[str, Any]:
    return {"inventoryAdjustmentGroup": None, "userErrors": [{"field": name, "code": code, "message": message}]}


def _number(gid: str) -> int:
    return int(gid.rsplit("/", 1)[-1])


def _subscriptions(_: Any, info: Info, first: int | None = None, after: str | None = None, **__: Any) -> Any:
    return _connection(info.context.subscriptions, first, after)


def _subscribe(_: Any, info: Info, topic: str, webhookSubscription: dict[str, Any]) -> Any:  # noqa: N803
    made = {"id": f"gid://shopify/WebhookSubscription/{info.context.shop.new_id()}", "topic": topic}
    made["uri"] = webhookSubscription["uri"]
    info.context.subscriptions.append(made)
    return {"webhookSubscription": made, "userErrors": []}


def _orders(_: Any, info: Info, first: int | None = None, after: str | None = None, query: str = "", **__: Any) -> Any:
    since = query.partition("updated_at:>='")[2].rstrip("'")
    rows = sorted(info.context.shop.orders.values(), key=lambda order: order["updated_at"])
    return _connection([_order(order) for order in rows if order["updated_at"] >= since], first, after)


def _order(order: Mapping[str, Any]) -> dict[str, Any]:
    """An order's webhook body as the API's object."""

    def line(item: Mapping[str, Any]) -> dict[str, Any]:
        variant = item["variant_id"] and {"legacyResourceId": item["variant_id"]}
        return {"id": f"gid://shopify/LineItem/{item['id']}", "sku": item["sku"], "variant": variant}

    def place(ident: int | None) -> Any:
        return ident and {"legacyResourceId": ident}

    return {
        **{api: order[name] for api, name in ORDER_NAMES.items()},
        "retailLocation": place(order["location_id"]),
        "purchasingEntity": None,
        "lineItems": {
            "nodes": [
                {
                    **line(item),
                    "quantity": item["quantity"],
                    "unfulfilledQuantity": item["fulfillable_quantity"],
                    "isGiftCard": item["gift_card"],
                }
                for item in order["line_items"]
            ]
        },
        "fulfillments": [
            {
                "legacyResourceId": part["id"],
                "status": part["status"].upper(),
                "createdAt": part["created_at"],
                "updatedAt": part["updated_at"],
                "location": place(part["location_id"]),
                "fulfillmentLineItems": {
                    "nodes": [{"quantity": item["quantity"], "lineItem": line(item)} for item in part["line_items"]]
                },
            }
            for part in order["fulfillments"]
        ],
        "refunds": [
            {
                "legacyResourceId": part["id"],
                "createdAt": part["created_at"],
                "refundLineItems": {
                    "nodes": [
                        {
                            "quantity": row["quantity"],
                            "restockType": row["restock_type"].upper(),
                            "location": place(row["location_id"]),
                            "lineItem": line(row["line_item"]),
                        }
                        for row in part["refund_line_items"]
                    ]
                },
            }
            for part in order["refunds"]
        ],
    }


ORDER_NAMES = {
    "legacyResourceId": "id",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "cancelledAt": "cancelled_at",
    "sourceName": "source_name",
    "test": "test",
}

RESOLVERS: Mapping[str, Mapping[str, Any]] = {
    "QueryRoot": {
        "inventoryItems": _items,
        "locations": _locations,
        "nodes": _nodes,
        "orders": _orders,
        "webhookSubscriptions": _subscriptions,
    },
    "Mutation": {"inventorySetQuantities": _set_quantities, "webhookSubscriptionCreate": _subscribe},
    "InventoryItem": {"inventoryLevel": _level},
    "InventoryLevel": {"quantities": _quantities},
}
