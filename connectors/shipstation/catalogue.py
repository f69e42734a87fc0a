"""What an account has: its products, its places, and what it keeps at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import Level
from connectors.directory import Directory, Item
from connectors.errors import Refused, Unreachable
from connectors.shipstation import fields
from connectors.shipstation.api import Api, Row, checked, listed
from connectors.shipstation.settings import ShipStationSettings


async def directory(api: Api, settings: ShipStationSettings) -> Directory:
    """Items by SKU and `product:<id>`; Ship-From warehouses by `warehouse:<id>`; and what numbers are written to, by
    `inventory_location:<id>`.

    An inventory location is called like its inventory warehouse, if it is the only one there. A Ship-From warehouse of that
    name is taken for the same place.
    """
    items: dict[str, Item] = {}
    async for rows in api.v1_list("/products", "products", {"showInactive": "true"}):
        for row in rows:
            if sku := (row.get("sku") or "").strip():
                item = Item(sku, tracked=not _tagged(row, settings.untracked_tag))
                items[sku] = items[f"product:{row['productId']}"] = item
    places = await _inventory_locations(api) if settings.inventory else {}
    return Directory(
        items=items,
        locations={
            **await _warehouses(api, settings),
            **{f"inventory_location:{ident}": name for name, ident in places.items()},
        },
        handles={item.sku: item.sku for item in items.values()},
        places=places,
    )


def _tagged(row: Mapping[str, Any], name: str) -> bool:
    tags = row.get("tags")
    found = tags if isinstance(tags, list) else ()
    return any(isinstance(tag, Mapping) and tag.get("name") == name for tag in found)


async def _warehouses(api: Api, settings: ShipStationSettings) -> dict[str, str]:
    """Ship-From warehouses. V2's ids are read only where its documents are: both APIs know the same warehouses."""
    rows = listed(checked(await api.v1("GET", "/warehouses")), "warehouses")
    found = {f"warehouse:{row['warehouseId']}": str(row["warehouseName"]) for row in rows}
    if settings.documents == "v2":
        rows = listed(checked(await api.v2("GET", "/warehouses")), "warehouses")
        found |= {f"warehouse:{row['warehouse_id']}": str(row["name"]) for row in rows}
    return found


async def _inventory_locations(api: Api) -> dict[str, str]:
    """The ids of inventory locations by name."""
    warehouses, rows = dict[str, str](), list[Row]()
    async for page, _ in api.v2_list("/inventory_warehouses", {"limit": "100"}, "inventory_warehouses"):
        warehouses |= {row["inventory_warehouse_id"]: str(row["name"]) for row in page}
    async for page, _ in api.v2_list("/inventory_locations", {"limit": "100"}, "inventory_locations"):
        rows += page
    many = Counter(row["inventory_warehouse_id"] for row in rows)
    names: dict[str, str] = {}
    for row in rows:
        home: str = row["inventory_warehouse_id"]
        name = warehouses.get(home, home)
        names[name if many[home] == 1 else f"{name}/{row['name']}"] = row["inventory_location_id"]
    return names


async def inventory(api: Api) -> AsyncIterator[tuple[list[Row], datetime]]:
    """All levels, page by page. Without `group_by` ShipStation adds the locations of a warehouse up (one probe)."""
    async for rows, at in api.v2_list("/inventory", {"group_by": "location", "limit": "100"}, "inventory"):
        if not all(row.get("inventory_location_id") and row.get("sku") for row in rows):
            raise Unreachable("ShipStation answered levels without a SKU or an inventory location")
        yield rows, at


async def levels(api: Api) -> AsyncIterator[Sequence[Level]]:
    """What is available at every inventory location. ShipStation dates no level: each is as old as its answer."""
    async for rows, at in inventory(api):
        yield [
            Level(
                item=row["sku"],
                location=f"inventory_location:{row['inventory_location_id']}",
                level=units_in(row, "available"),
                version=fields.milliseconds(at),
                observed_at=at,
            )
            for row in rows
        ]


def units_in(row: Row, name: str) -> int:
    """A level. Raises `Unreachable` for one that is no whole number: it came from something else."""
    try:
        return fields.number(row, name)
    except Refused as error:
        raise Unreachable(f"a level: {error}") from error
