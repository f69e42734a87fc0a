"""What a request asks for, checked as far as the OpenAPI document of 2026-07 says; anything else is `Wrong`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.lightspeed_x.effects import STATES
from connectors.lightspeed_x.sandbox.gate import Wrong
from connectors.lightspeed_x.sandbox.retailer import Retailer
from connectors.loopback import answer

SIGNS = {
    **dict.fromkeys(("DAMAGE", "EXPIRY", "INTERNAL_USE", "THEFT", "DONATION"), -1),
    **dict.fromkeys(("STOCK_FOUND", "SAMPLE_FOR_SALE"), 1),
}
"""The sign that each reason demands."""

TYPES = {"POSITIVE": 1, "NEGATIVE": -1}
ATTRIBUTES = frozenset({"onaccount", "layby", "pickup", "delivery", "service"})
EXCLUSIVE = (frozenset({"onaccount", "layby"}), frozenset({"pickup", "delivery"}))
ADJUSTMENT_NEEDS = ("product_id", "outlet_id", "quantity", "reason")
CUSTOM = "custom_inventory_adjustment_reason_id"
INTEGER = re.compile(r"-?[0-9]{1,9}(\.0+)?")


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request."""
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Wrong(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Wrong(400, "the body is not an object")
    return found


def whole(found: Mapping[str, Any], name: str, otherwise: int) -> int:
    """A whole number of a query or a body."""
    value = str(found.get(name, otherwise))
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise Wrong(400, f"{name} is not a number")
    return int(value)


def before(found: Mapping[str, Any]) -> int | None:
    """The version below which a page ends, if one is asked for."""
    return whole(found, "before", 0) if "before" in found else None


def newest_first(found: Mapping[str, Any], name: str, otherwise: str) -> bool:
    """The direction of a list."""
    direction = found.get(name, otherwise)
    if direction not in {"asc", "desc"}:
        raise Wrong(400, f"{name} is asc or desc")
    return bool(direction == "desc")


def ids(found: Mapping[str, Any], name: str) -> list[str] | None:
    """A list of at most 1,000 ids, if one is asked for."""
    asked = found.get(name)
    if asked is not None and not (isinstance(asked, list) and len(asked) <= 1_000):
        raise Wrong(422, f"{name} is a list of at most 1000 ids")
    return asked


def adjustments(
    body: Mapping[str, Any], retailer: Retailer, custom: Mapping[str, Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """The rows of `POST /stock_adjustments`, none of them wrong: one wrong row refuses all [inferred]."""
    rows = body.get("stock_adjustments")
    if not isinstance(rows, list) or not 1 <= len(rows) <= 1_000:
        raise Wrong(422, "stock_adjustments has 1 to 1000 rows")
    faults = [f"row {n}: {fault}" for n, row in enumerate(rows) if (fault := _fault(row, retailer, custom))]
    if faults:
        raise Wrong(422, "; ".join(faults[:3]))
    return rows


def _fault(row: Any, retailer: Retailer, custom: Mapping[str, Mapping[str, Any]]) -> str | None:
    if not isinstance(row, dict) or row.keys() - {CUSTOM, *ADJUSTMENT_NEEDS}:
        return "a field that is not known"
    if missing := [name for name in ADJUSTMENT_NEEDS if not isinstance(row.get(name), str)]:
        return f"{missing[0]} is required"
    product = retailer.products.by_id.get(row["product_id"], -1)
    if product not in retailer.catalogue.versions or row["outlet_id"] not in retailer.outlet_by_id:
        return "there is no such product or outlet"
    if not retailer.products.tracked[product] or product in retailer.composites:
        return "the stock of this product is not kept"
    return _fault_of_sign(row, custom)


def _fault_of_sign(row: Mapping[str, Any], custom: Mapping[str, Mapping[str, Any]]) -> str | None:
    quantity, reason = row["quantity"], row["reason"]
    if not INTEGER.fullmatch(quantity) or not float(quantity):
        return "quantity is a numeric string other than 0 (and here a whole number)"
    if (reason == "CUSTOM") != (CUSTOM in row):
        return f"{CUSTOM} belongs to the reason CUSTOM"
    sign = TYPES.get(custom.get(row[CUSTOM], {}).get("type", "")) if CUSTOM in row else SIGNS.get(reason)
    if sign is None:
        return "there is no such reason"
    return None if float(quantity) * sign > 0 else f"the sign of {quantity} does not fit the reason"


def reason(body: Mapping[str, Any], custom: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A new custom reason."""
    name, kind = body.get("name"), body.get("type")
    if not isinstance(name, str) or not 1 <= len(name) <= 30 or kind not in TYPES:
        raise Wrong(422, "name has 1 to 30 characters, and type is POSITIVE or NEGATIVE")
    if any(held["name"] == name for held in custom.values()):
        raise Wrong(409, "there is a reason of this name")
    return {
        "name": name,
        "type": kind,
        "enabled": bool(body.get("enabled", True)),
        "is_from_external_source": True,
    }


def sale(body: Mapping[str, Any], retailer: Retailer) -> dict[str, Any]:
    """The arguments of `Retailer.ring_up` for a `POST /sales`.

    The register is needed because a sale has no outlet without one [inferred]; quantities are whole numbers here.
    """
    source, state = body.get("source"), body.get("state")
    if not isinstance(source, dict) or not source.get("author_id") or state not in STATES:
        raise Wrong(422, "source.author_id and a state are required")
    outlet = retailer.outlet_by_register.get(source.get("register_id", ""))
    if outlet is None:
        raise Wrong(422, "source.register_id: there is no such register")
    attributes = tuple(body.get("attributes", ()))
    if not ATTRIBUTES.issuperset(attributes) or any(pair <= set(attributes) for pair in EXCLUSIVE):
        raise Wrong(422, "attributes: unknown, or two that exclude each other")
    try:
        at = datetime.fromisoformat(body["date"]) if "date" in body else datetime.now(UTC)
    except (TypeError, ValueError):
        raise Wrong(422, "date is not in RFC 3339") from None
    if body.get("id") in retailer.foreign:
        raise Wrong(409, "there is a sale of this id")
    return {
        "outlet": outlet,
        "lines": [_line(row, retailer) for row in body.get("line_items", ())],
        "at": at if at.tzinfo else at.replace(tzinfo=UTC),
        "state": state,
        "attributes": attributes,
        "ident": body.get("id"),
        "source": (source.get("id"), source.get("type")),
        "fulfilled_at": _fulfilled_at(body, retailer),
        "customer": body.get("customer_id"),
    }


def state(body: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    """The state that a `PUT /sales/{id}` asks for (OpenAPI 2026-07, SaleUpdateRequest). Lines are named by their ids."""
    source, asked_for = body.get("source"), body.get("state")
    if not isinstance(source, dict) or not source.get("author_id") or asked_for not in STATES:
        raise Wrong(422, "source.author_id and a state are required")
    named = {row.get("id") for row in body.get("line_items", ())}
    if named - {row["id"] for row in held["line_items"]}:
        raise Wrong(422, "line_items: this double changes no lines")
    return str(asked_for)


def _fulfilled_at(body: Mapping[str, Any], retailer: Retailer) -> int | None:
    """The outlet that hands a sale over: one for the whole sale, in this double."""
    named = {row.get("fulfilment_outlet_id") for row in body.get("line_items", ())} - {None}
    named |= {body.get("fulfillment_outlet_id")} - {None}
    if len(named) > 1 or not named <= retailer.outlet_by_id.keys():
        raise Wrong(422, "fulfillment_outlet_id: one outlet that there is")
    return retailer.outlet_by_id[named.pop()] if named else None


def _line(row: Mapping[str, Any], retailer: Retailer) -> tuple[int, int]:
    try:
        product, quantity = retailer.products.by_id[row["product"]["id"]], float(row["quantity"])
        float(row["pricing"]["price"]), row["tax"]["id"], float(row["tax"]["amount"])
    except (KeyError, TypeError, ValueError):
        raise Wrong(422, "a line needs product.id, quantity, pricing.price, tax.id and tax.amount") from None
    if quantity != int(quantity):
        raise Wrong(422, "this double keeps whole units only")
    return product, int(quantity)


def webhook(body: Mapping[str, Any], hooks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A new webhook."""
    kind, url = body.get("type"), body.get("url")
    if (
        kind not in WEBHOOKS
        or not isinstance(url, str)
        or len(url) < 3
        or not isinstance(body.get("active"), bool)
    ):
        raise Wrong(422, "active, a known type and a url are required")
    if any((hook["type"], hook["url"]) == (kind, url) for hook in hooks.values()):
        raise Wrong(409, "there is a webhook of this type and url")
    return {"active": body["active"], "type": kind, "url": url}


WEBHOOKS = frozenset(
    {
        *("sale.update", "product.update", "customer.update", "inventory.update"),
        *("register_closure.create", "consignment.send", "consignment.receive"),
    }
)
"""The types of webhooks (OpenAPI 2026-07, WebhookType)."""


def enveloped(rows: Sequence[Mapping[str, Any]]) -> web.Response:
    """Rows in the envelope of a page, sorted by their version."""
    reach = {"min": rows[0]["version"], "max": rows[-1]["version"]} if rows else {"min": None, "max": None}
    return answer({"data": rows, "version": reach})
