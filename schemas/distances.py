"""How far two points of the earth are apart, as the crow flies."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

EARTH_KM = 6_371.0088
"""The mean radius of the earth. A sphere is off by half a percent at most, which puts no two shops in another order that matters."""


class Point(NamedTuple):
    """A place on the earth, in degrees (WGS 84): north and east are positive."""

    latitude: float
    longitude: float


def kilometres(one: Point, other: Point) -> float:
    """The great-circle distance of two points (haversine)."""
    north, east = radians(other.latitude - one.latitude), radians(other.longitude - one.longitude)
    chord = (
        sin(north / 2) ** 2 + cos(radians(one.latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    )
    return 2 * EARTH_KM * asin(min(1.0, sqrt(chord)))  # rounding lifts antipodes above 1
