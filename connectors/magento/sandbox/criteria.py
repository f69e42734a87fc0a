"""Search criteria, as Magento's lists understand them (webapi: `rest/use-rest/performing-searches`)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from connectors.magento.sandbox.shop import Row, Wrong

FILTER = re.compile(
    r"searchCriteria\[filter_?[gG]roups\]\[(\d+)\]\[filters\]\[(\d+)\]\[(field|value|condition_?[tT]ype)\]"
)
SORT = re.compile(r"searchCriteria\[sort_?[oO]rders\]\[(\d+)\]\[(field|direction)\]")
PAGE = re.compile(r"searchCriteria\[(page_?[sS]ize|current_?[pP]age)\]")

CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, value: bool(found == value),
    "neq": lambda found, value: bool(found != value),
    "gt": lambda found, value: bool(found > value),
    "gteq": lambda found, value: bool(found >= value),
    "lt": lambda found, value: bool(found < value),
    "lteq": lambda found, value: bool(found <= value),
}


def searched(rows: Sequence[Row], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A page of a list: `{items, search_criteria, total_count}`. Past its end the last page comes again."""
    groups: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    orders: dict[str, dict[str, str]] = defaultdict(dict)
    paging: dict[str, int] = {}
    for name, value in pairs:
        if found := FILTER.fullmatch(name):
            groups[found[1]][found[2]][_plain(found[3])] = value
        elif found := SORT.fullmatch(name):
            orders[found[1]][found[2]] = value
        elif found := PAGE.fullmatch(name):
            paging[_plain(found[1])] = int(value)
    kept = [
        row
        for row in rows
        if all(any(_holds(row, one) for one in group.values()) for group in groups.values())
    ]
    for _, order in sorted(orders.items(), reverse=True):
        kept.sort(key=lambda row: _of(row, order["field"]), reverse=order.get("direction") == "DESC")
    size, page = paging.get("pagesize", 0) or len(kept) or 1, max(1, paging.get("currentpage", 1))
    last = max(1, -(-len(kept) // size))
    start = (min(page, last) - 1) * size
    return {
        "items": kept[start : start + size],
        "search_criteria": {"page_size": size, "current_page": page},
        "total_count": len(kept),
    }


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _of(row: Row, name: str) -> Any:
    """Only fields of the row itself can be searched and sorted by."""
    if name not in row or isinstance(row[name], dict | list):
        raise Wrong(400, "Column not found: %1", [name])
    return row[name]


def _holds(row: Row, one: dict[str, str]) -> bool:
    found, how, value = _of(row, one["field"]), one.get("conditiontype", "eq"), one["value"]
    if how == "in":
        return str(found) in value.split(",")
    if how not in CONDITIONS:
        raise Wrong(400, "Condition %1 is not supported by the sandbox", [how])
    return CONDITIONS[how](found, float(value) if isinstance(found, int | float) else value)
