"""`inventorySetQuantities` as Shopify does it, all rows or none.

Messages and codes marked (recorded) are those of a real shop on API 2026-04 (github.com/airhorns/shopify-draft-proxy,
conformance fixtures, Apache-2.0); the others are the descriptions of the error codes in schema 2026-10.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from graphql import FieldNode, GraphQLError, GraphQLResolveInfo, StringValueNode, VariableNode

from connectors.shopify.sandbox.shop import GID, Level, Shop

Info = GraphQLResolveInfo[Any]
QUANTITY_MAX = 1_000_000_000
INPUT_MAX = 250
KEYS_KEPT = 2_000
"""How many idempotency keys are remembered; how long Shopify remembers them is not known."""

REASONS = frozenset(
    (
        *("correction", "cycle_count_available", "damaged", "movement_canceled", "movement_created"),
        *("movement_received", "movement_updated", "other", "promotion", "quality_control", "received"),
        *("reservation_created", "reservation_deleted", "reservation_updated", "restock", "safety_stock"),
        "shrinkage",
    )
)


class Attempt(NamedTuple):
    """What came of an idempotency key: a digest of its parameters, and the answer if it was done."""

    digest: bytes
    answer: dict[str, Any] | None


class Inventory:
    """The mutation with its memory of keys. `written` hears of every level it changed."""

    def __init__(self, shop: Shop, written: Callable[[Level], None]) -> None:
        self._shop = shop
        self._written = written
        self._attempts: dict[str, Attempt] = {}
        self._groups = 0

    def set_quantities(self, info: Info, intent: Mapping[str, Any]) -> dict[str, Any]:
        """The payload of the mutation. Raises `GraphQLError` for a breach of the contract itself."""
        node = info.field_nodes[0]
        key = _key(node, info.variable_values)
        rows: Sequence[Mapping[str, Any]] = intent["quantities"]
        if any("changeFromQuantity" not in row for row in rows):
            raise _missing_compare(info, node)
        if len(rows) > INPUT_MAX:
            raise GraphQLError(
                f"The input array size of {len(rows)} is greater than the maximum allowed of {INPUT_MAX}.",
                node,
                extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"},
            )
        digest = sha256(orjson.dumps(intent, option=orjson.OPT_SORT_KEYS)).digest()
        earlier = self._attempts.get(key)
        if earlier is not None:
            return _repeated(earlier, digest)
        errors = self._errors(intent, rows)
        answer = None if errors else self._apply(intent, rows)
        self._attempts[key] = Attempt(digest, answer)
        if len(self._attempts) > KEYS_KEPT:
            self._attempts.pop(next(iter(self._attempts)))
        return answer or _failed(*errors)

    def _errors(self, intent: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if intent["name"] not in {"available", "on_hand"}:
            return [
                _error("INVALID_NAME", "The quantity name must be either 'available' or 'on_hand'.", "name")
            ]
        if intent["reason"] not in REASONS:
            return [_error("INVALID_REASON", "The specified reason is invalid.", "reason")]
        cells = Counter((row["inventoryItemId"], row["locationId"]) for row in rows)
        found: list[dict[str, Any]] = []
        for at, row in enumerate(rows):
            found.extend(self._row_errors(str(at), row, cells, intent["name"]))
        return found

    def _row_errors(
        self, at: str, row: Mapping[str, Any], cells: Mapping[tuple[str, str], int], name: str
    ) -> list[dict[str, Any]]:
        def error(code: str, message: str, field: str) -> list[dict[str, Any]]:
            return [_error(code, message, "quantities", at, field)]

        item = self._shop.item_by_gid.get(row["inventoryItemId"])
        place = self._shop.location_by_gid.get(row["locationId"])
        if item is None:  # recorded
            code, message = "INVALID_INVENTORY_ITEM", "The specified inventory item could not be found."
            return error(code, message, "inventoryItemId")
        if place is None:  # recorded
            return error("INVALID_LOCATION", "The specified location could not be found.", "locationId")
        if cells[row["inventoryItemId"], row["locationId"]] > 1:
            message = "The combination of inventoryItemId and locationId must be unique."
            return error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message, "locationId")
        if abs(row["quantity"]) > QUANTITY_MAX:
            too_high = row["quantity"] > 0
            bound = "higher than 1,000,000,000" if too_high else "lower than -1,000,000,000"
            code = "INVALID_QUANTITY_TOO_HIGH" if too_high else "INVALID_QUANTITY_TOO_LOW"
            return error(code, f"The total quantity can't be {bound}.", "quantity")
        level = self._shop.levels.get((item.id, place.id))
        shown = 0 if level is None else level.available if name == "available" else level.on_hand
        if row["changeFromQuantity"] not in {None, shown}:
            message = "The changeFromQuantity value does not match persisted value."
            return error("CHANGE_FROM_QUANTITY_STALE", message, "changeFromQuantity")
        return []

    def _apply(self, intent: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        now = datetime.now(UTC)
        changes: list[tuple[str, str, str, int]] = []
        for row in rows:
            item = self._shop.item_by_gid[row["inventoryItemId"]]
            place = self._shop.location_by_gid[row["locationId"]]
            level = self._shop.level(item, place, now)
            delta = row["quantity"] - (level.available if intent["name"] == "available" else level.on_hand)
            if delta:
                self._shop.move(item, place, now, available=delta)
                self._written(level)
                changes.append((item.gid, place.gid, place.name, delta))
        if not changes:  # recorded: a call that changes nothing succeeds without a group
            return {"inventoryAdjustmentGroup": None, "userErrors": []}
        self._groups += 1
        group = {
            "__typename": "InventoryAdjustmentGroup",
            "id": f"{GID}InventoryAdjustmentGroup/{self._groups}",
            "createdAt": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "reason": intent["reason"],
            "referenceDocumentUri": intent.get("referenceDocumentUri"),
            "changes": lambda _info, **_filters: _changes(changes),
        }
        return {"inventoryAdjustmentGroup": group, "userErrors": []}


def _changes(changes: Sequence[tuple[str, str, str, int]]) -> list[dict[str, Any]]:
    """What a group changed, made when it is asked for: hundreds of rows of thousands of groups are remembered."""
    return [
        {
            "name": name,
            "delta": delta,
            "quantityAfterChange": None,  # recorded
            "item": {"id": item},
            "location": {"id": place, "name": called},
        }
        for item, place, called, delta in changes
        for name in ("available", "on_hand")  # recorded: two rows for one change
    ]


def _key(node: FieldNode, variables: Any) -> str:
    """The key of `@idempotent`; without the directive Shopify refuses (recorded)."""
    for directive in node.directives or ():
        if directive.name.value == "idempotent" and directive.arguments:
            value = directive.arguments[0].value
            if isinstance(value, VariableNode):
                coerced = getattr(variables, "coerced", variables)
                return str(coerced[value.name.value])
            if isinstance(value, StringValueNode):
                return value.value
    raise GraphQLError(
        "The @idempotent directive is required for this mutation but was not provided.",
        node,
        extensions={"code": "BAD_REQUEST"},
    )


def _missing_compare(info: Info, node: FieldNode) -> GraphQLError:
    """The compare must be given, if only as null; the schema does not say so (recorded, with both places)."""
    variables = [
        variable
        for variable in info.operation.variable_definitions or ()
        if variable.variable.name.value == _variable_of(node)
    ]
    return GraphQLError(
        "InventoryQuantityInput must include the following argument: changeFromQuantity.",
        [node, *variables],
        extensions={"code": "INVALID_FIELD_ARGUMENTS"},
    )


def _variable_of(node: FieldNode) -> str | None:
    value = node.arguments[0].value if node.arguments else None
    return value.name.value if isinstance(value, VariableNode) else None


def _repeated(earlier: Attempt, digest: bytes) -> dict[str, Any]:
    if earlier.digest != digest:  # recorded
        message = "The same idempotency key cannot be used with different operation parameters."
        return _failed(_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", message))
    if earlier.answer is None:
        message = "A previous request with this idempotency key failed. Retry with a new idempotency key."
        return _failed(_error("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", message))
    return earlier.answer


def _error(code: str, message: str, *field: str) -> dict[str, Any]:
    return {"code": code, "message": message, "field": ["input", *field] if field else None}


def _failed(*errors: dict[str, Any]) -> dict[str, Any]:
    return {"inventoryAdjustmentGroup": None, "userErrors": list(errors)}
