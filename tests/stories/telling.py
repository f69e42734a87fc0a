"""A story while it is told: its hands on the platforms, and what the hub's own hands do there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agreeing import WITHIN, Agreement, Company, until
from truth import Cell, Lines, Oracle

from connectors.links import reference_of
from connectors.rlm.orders import depositor_order


class Story(Agreement):
    """One story, with SKUs that no other story has."""

    def __init__(self, company: Company, stock: Mapping[Cell, int]) -> None:
        super().__init__(company, Oracle(stock), sorted({sku for sku, _ in stock}))
        self.web, self.tills, self.dc = (self.hub.sandboxes[name] for name in ("web", "tills", "dc"))
        company.told.append(self)

    async def at_till(self, store: str, deal: str) -> Mapping[str, Any]:
        """Waits for the sale that a store's till has for a deal which the hub gave it."""
        return await until(
            f"{store}'s till has a sale of {deal}",
            lambda: [one for one in self._sales(deal) if (one["outlet"], one["state"]) == (store, "pending")],
        )

    async def voided_at_till(self, store: str, deal: str) -> None:
        """Waits until the sale that a store's till had for a deal is void."""
        await until(
            f"{store}'s sale of {deal} is void",
            lambda: [one for one in self._sales(deal) if (one["outlet"], one["state"]) == (store, "voided")],
        )

    async def at_warehouse(self, deal: str) -> Sequence[Sequence[str]]:
        """Waits for the order that the 3PL has to pack for a deal, which the hub gave it: its segments."""
        ref, waiting = depositor_order(deal), self.dc.warehouse.waiting
        return await until(
            f"the 3PL has an order of {deal}", lambda: [waiting[ref]] if ref in waiting else []
        )

    async def taken_back_at_warehouse(self, deal: str) -> None:
        """Waits until the 3PL was told that it need not pack a deal's order."""
        ref = depositor_order(deal)
        await until(
            f"the 3PL has no order of {deal} any more",
            lambda: [self.dc.warehouse.orders[ref]] if self.dc.warehouse.orders.get(ref) == "F" else [],
        )

    async def carried_out(self, deal: str, *rows: tuple[str, str, str]) -> None:
        """Waits until the hub says so of what it has asked others to carry out: place, channel, state. Nothing moves by that."""
        deadline = time.monotonic() + WITHIN
        while (said := await self._said(deal)) != sorted(rows):
            assert time.monotonic() < deadline, f"{deal}: {said}"
            await asyncio.sleep(0.1)
        await self.agreed(deal)

    async def _said(self, deal: str) -> list[tuple[str, str, str]]:
        rows = (await self.company.ask(f"transactions/{deal}"))["carried_out"]
        return sorted((row["location"], row["channel"], row["state"]) for row in rows)

    async def sent_from_warehouse(self, order: int, lines: Lines) -> None:
        """The 3PL sends what it was asked to, and says so; then the web shop says so, too, and nothing leaves twice."""
        deal = f"order/web/{order}"
        asked = await self.at_warehouse(deal)
        assert {one[5]: int(one[1]) for one in asked if one[0] == "W01"} == dict(lines)
        self.dc.ship(datetime.now(UTC), depositor_order(deal))
        self.oracle.send("DC", "DC", lines)
        await self.agreed(deal, "OrderShipped")
        await self.shipped_online(order, "DC")

    async def sent_from_store(self, order: int, store: str, lines: Lines) -> None:
        """The store packs what its till has, and says so; then the web shop says so, too, and nothing leaves twice."""
        deal = f"order/web/{order}"
        sale = await self.at_till(store, deal)
        self.tills.close(sale["id"], at=datetime.now(UTC))
        self.oracle.send(store, store, lines)
        await self.agreed(deal)
        await self.shipped_online(order, store, lines)

    async def shipped_online(self, order: int, place: str, lines: Lines | None = None) -> None:
        """The web shop tells its customer that a parcel has left: that is no news."""
        self.web.fulfil(order, place, lines, at=datetime.now(UTC))
        await self.agreed(f"order/web/{order}")

    def _sales(self, deal: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tills.sales_of(reference_of(deal))
        return found
