"""What a place that keeps stock is to a shopper: where it is, whether goods are collected there, whether parcels leave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from schemas.distances import Point, kilometres


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A location as shoppers meet it.

    `pickup` says that they can collect there, `ships` that parcels and transfers leave from there. `in_store_buffer` is how
    many units of each SKU stay on the shelf and are not offered for collection. `ready_in` is after how many hours goods that
    lie there are ready: for the shopper or for the carrier. `country` is its ISO code of two letters.
    """

    location: str
    title: str = ""
    point: Point | None = None
    postcode: str | None = None
    country: str | None = None
    pickup: bool = False
    ships: bool = True
    in_store_buffer: int = 0
    ready_in: int = 2

    def away(self, near: Point | None) -> float | None:
        """Kilometres from a point; None where either is not known."""
        return None if near is None or self.point is None else kilometres(self.point, near)


def nearest_first(
    sites: Sequence[Site], near: Point | None, preferred: Sequence[str] | None = None
) -> list[Site]:
    """The sites in the order in which they are chosen: as `preferred` lists them, then by distance (those of unknown
    distance last), then by name. None prefers none.
    """
    order = {name: number for number, name in reversed(list(enumerate(preferred or ())))}

    def rank(site: Site) -> tuple[int, float, str]:
        away = site.away(near)
        return order.get(site.location, len(order)), inf if away is None else away, site.location

    return sorted(sites, key=rank)
