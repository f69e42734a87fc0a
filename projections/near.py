"""Where a shopper is: coordinates or a postcode, looked up here. What was asked is neither logged nor kept, nor told to anybody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from projections.postcodes import countries, points
from projections.problems import Problem
from projections.queries import Queries
from schemas.distances import Point
from schemas.postcodes import Postcode, spelled, spellings
from schemas.sites import Site

NEAR_MAX = 40
"""Characters of coordinates or of a postcode, generously."""

COORDINATES = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*", re.ASCII)
POSTCODE = re.compile(r"\s*[A-Z0-9](?:[A-Z0-9 -]{0,18}[A-Z0-9])?\s*", re.ASCII | re.IGNORECASE)

NEAR_PATTERN = (
    r"^\s*(-?([0-8]?[0-9](\.[0-9]+)?|90(\.0+)?)\s*,\s*-?((1[0-7][0-9]|[0-9]{1,2})(\.[0-9]+)?|180(\.0+)?)"
    r"|[A-Za-z0-9]([A-Za-z0-9 -]{0,18}[A-Za-z0-9])?)\s*$"
)
"""The same for the API's document."""


async def located(queries: Queries, sites: Sequence[Site]) -> list[Site]:
    """The sites, those without coordinates at the point of their postcode, where that is known."""
    codes = {
        site.location: Postcode(site.country, spelled(site.postcode))
        for site in sites
        if site.point is None and site.country and site.postcode
    }
    if not codes:
        return list(sites)
    found = await points(queries, codes.values())
    return [
        replace(site, point=found.get(codes[site.location])) if site.location in codes else site
        for site in sites
    ]


async def whereabouts(queries: Queries, near: str, country: str | None, sites: Sequence[Site]) -> Point:
    """The point that is meant. Postcodes of our own sites are known without a table.

    Without a country a postcode that several have is that of the one country that our sites are in. Raises `Problem`.
    """
    if degrees := COORDINATES.fullmatch(near):
        point = Point(float(degrees[1]), float(degrees[2]))
        if abs(point.latitude) > 90 or abs(point.longitude) > 180:
            raise _unreadable()
        return point
    if not POSTCODE.fullmatch(near):
        raise _unreadable()
    own = {
        Postcode(site.country, spelled(site.postcode)): site.point
        for site in sites
        if site.point is not None and site.country and site.postcode
    }
    listed = await countries(queries)
    meant = sorted({*listed, *(code.country for code in own)}) if country is None else [country]
    asked = {name: [Postcode(name, code) for code in spellings(name, near)] for name in meant}
    known = await points(queries, (code for codes in asked.values() for code in codes)) | own
    found = {
        name: next(known[code] for code in codes if code in known)
        for name, codes in asked.items()
        if any(code in known for code in codes)
    }
    home = {site.country for site in sites if site.country in found}
    if len(found) > 1 and len(home) == 1:
        found = {name: point for name, point in found.items() if name in home}
    if len(found) > 1:
        raise Problem(
            400, "Which country?", f"that postcode is in {', '.join(found)}; send one of them as country"
        )
    if not found:
        raise _unknown(listed)
    return next(iter(found.values()))


def _unreadable() -> Problem:
    return Problem(
        422, "Invalid request", "near: a postcode such as 10115, or degrees such as 52.52,13.40 (north, east)"
    )


def _unknown(listed: Sequence[str]) -> Problem:
    """What would help."""
    loaded = f"postcodes are loaded of: {', '.join(listed)}" if listed else "no postcodes are loaded"
    return Problem(
        404,
        "Unknown postcode",
        f"{loaded}; `onhand geo load FILE` takes a country's from GeoNames, and near=52.52,13.40 (degrees) needs none",
    )
