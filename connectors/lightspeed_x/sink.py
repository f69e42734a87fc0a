"""Tells X-Series levels by signed stock adjustments: it has no absolute write that keeps concurrent sales.

There is no idempotency key (OpenAPI 2026-07, `POST /stock_adjustments`). So where the outcome of a write is unknown we
look, and what X-Series itself says decides what is still lacking:

- where our documents include its opening stock (`opened`), it shows `own` plus all adjustments under our two reasons,
  which are read from `GET /stock_adjustments`. The level itself would not do: it also holds sales that we have not seen
  yet, and adjusting by it would add them back;
- otherwise the level is all there is, and only a level that stands still is believed.

One gap stays open: a write that is carried out only after it was looked for. X-Series offers nothing against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from connectors.contract import Answer, Client, Seen, Target
from connectors.differences import Cell, Due, cell_of, differences, pushed, written
from connectors.directory import Directory
from connectors.errors import Unreachable
from connectors.lightspeed_x.client import LightspeedXClient, checked, enveloped, listed, units_in
from connectors.polite import Reply

BATCH_MAX = 1_000
"""Rows of one `POST /stock_adjustments`."""

LEVELS_MAX = 10_000
"""Rows of one `POST /inventory_levels` (at most 1,000 products and 1,000 outlets, which a batch cannot exceed)."""

WRONG = frozenset({400, 422})
"""Answers to a row that is not acceptable. That they refuse the whole batch is inferred; so it is split until it is known
which row they mean."""


class LightspeedXSink:
    """Adjusts levels."""

    batch_max = BATCH_MAX

    def __init__(self, client: Client) -> None:
        assert isinstance(client, LightspeedXClient)
        self._client = client
        self._reasons: Mapping[bool, str] = {}
        self._told: Counter[Cell] = Counter()
        self._read_to = 0

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What X-Series shows; certain where its own list of our adjustments says it. Raises `SlowDown`, `Unreachable`."""
        cells = [cell_of(target, directory) for target in targets]
        shown = await self._shown([(t, cell) for t, cell in zip(targets, cells, strict=True) if cell])
        return [
            Seen(shown[cell], certain=target.opened) if cell else Seen(None)
            for target, cell in zip(targets, cells, strict=True)
        ]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Adjusts every cell by what it lacks. Raises `SlowDown` if nothing was done, and `Unreachable`."""
        answers, due = differences(targets, directory, "X-Series has no such product or outlet")
        return answers + await written([due] if due else [], self._write, "X-Series")

    async def _shown(self, unsure: Sequence[tuple[Target, Cell]]) -> dict[Cell, int]:
        """What X-Series shows of these cells."""
        shown: dict[Cell, int] = {}
        opened = [(target, cell) for target, cell in unsure if target.opened]
        if opened:
            await self._read_adjustments()
            shown = {cell: target.own + self._told[cell] for target, cell in opened}
        await self._read_levels(sorted(cell for target, cell in unsure if not target.opened), shown)
        return shown

    async def _read_adjustments(self) -> None:
        """Catches up with X-Series' list of adjustments, adding up those under our reasons."""
        ours = frozenset((await self._our_reasons()).values())
        async for rows in self._client.pages("/stock_adjustments", self._read_to):
            for row in rows:
                if row.get("custom_inventory_adjustment_reason_id") in ours:
                    cell = Cell(row["product_id"], row["outlet_id"])
                    self._told[cell] += units_in(row["quantity"])
            self._read_to = max(self._read_to, *(row["version"] for row in rows))

    async def _read_levels(self, cells: Sequence[Cell], shown: dict[Cell, int]) -> None:
        """Reads the levels of these cells into `shown`, in as few calls as their products and outlets allow.

        A cell that X-Series does not list has never had stock: zero.
        """
        if not cells:
            return
        products = sorted({cell.item for cell in cells})
        outlets = sorted({cell.place for cell in cells})
        if len(products) * len(outlets) > LEVELS_MAX:
            half = len(cells) // 2
            await self._read_levels(cells[:half], shown)
            await self._read_levels(cells[half:], shown)
            return
        body = {
            "product_ids": products,
            "location_ids": outlets,
            "include_inactive": True,
            "size": LEVELS_MAX,
        }
        reply = await self._client.http.call("POST", "/inventory_levels", body=body)
        found = {Cell(row["product_id"], row["location_id"]): row for row in listed(checked(reply))}
        for cell in cells:
            row = found.get(cell)
            shown[cell] = 0 if row is None else units_in(row["current_inventory_level"])

    async def _our_reasons(self) -> Mapping[bool, str]:
        """The ids of our two reasons by direction (True: up), made where they are missing."""
        if self._reasons:
            return self._reasons
        settings, path = self._client.settings, "/custom_inventory_adjustment_reasons"
        known = dict(await self._client.reasons())
        found: dict[bool, str] = {}
        for up, name, kind in (
            (True, settings.reason_up, "POSITIVE"),
            (False, settings.reason_down, "NEGATIVE"),
        ):
            if name not in known:
                body = {"name": name, "type": kind, "enabled": True}
                known[name] = enveloped(checked(await self._client.http.call("POST", path, body=body)))
            if known[name]["type"] != kind:
                raise Unreachable(
                    f"the adjustment reason {name!r} exists and is not {kind}: configure another name"
                )
            found[up] = known[name]["id"]
        self._reasons = found
        return found

    async def _write(self, batch: Sequence[Due]) -> list[Answer] | str:
        """Makes the adjustments, or says why X-Series refuses them. It answers in request order (OpenAPI 2026-07)."""
        reply = await self._post(batch)
        if reply.status in WRONG:
            if len(batch) == 1:
                self._reasons = {}  # it may be the reason that is wrong: deleted since, for example
            return _said(reply)
        made = listed(enveloped(checked(reply)))
        if len(made) != len(batch):
            raise Unreachable(f"X-Series confirmed {len(made)} of {len(batch)} adjustments")
        return [pushed(due, row["id"]) for due, row in zip(batch, made, strict=True)]

    async def _post(self, batch: Sequence[Due]) -> Reply:
        reasons = await self._our_reasons()
        rows = [
            {
                "product_id": cell.item,
                "outlet_id": cell.place,
                "quantity": str(delta),
                "reason": "CUSTOM",
                "custom_inventory_adjustment_reason_id": reasons[delta > 0],
            }
            for _, cell, delta in batch
        ]
        return await self._client.http.call("POST", "/stock_adjustments", body={"stock_adjustments": rows})


def _said(reply: Reply) -> str:
    """X-Series' own words about a wrong row, if it has any."""
    error = reply.body.get("error") if isinstance(reply.body, Mapping) else None
    return (
        f"X-Series answered {reply.status}: {error}"[:200] if error else f"X-Series answered {reply.status}"
    )
