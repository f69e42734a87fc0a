"""The table of postcodes: filled from files, asked for points. What is asked is neither kept nor logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from projections.geonames import Row
from projections.pool import Pool
from projections.queries import Queries
from schemas.distances import Point
from schemas.postcodes import Postcode

COUNTRIES = """
    WITH RECURSIVE listed AS (
        SELECT min(country) AS country FROM postal_codes
        UNION ALL
        SELECT (SELECT min(country) FROM postal_codes WHERE country > listed.country)
        FROM listed WHERE listed.country IS NOT NULL
    )
    SELECT country FROM listed WHERE country IS NOT NULL
"""
"""From one country to the next by the index, instead of through millions of rows."""

FILLED = """
    INSERT INTO postal_codes
    SELECT country, postcode, percentile_disc(0.5) WITHIN GROUP (ORDER BY latitude),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY longitude)
    FROM loading GROUP BY country, postcode
"""
"""A postcode's point is the median of its places: a mean is led astray by one wrong place, and by the date line."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file brought: its rows, those of them without a point, and its countries, each with its postcodes."""

    rows: int
    without_point: int
    postcodes: dict[str, int]


async def load(pool: Pool, rows: Iterable[Row]) -> Loaded:
    """Puts a file's countries in the place of what was there of them, or, when the file is bad, changes nothing."""
    counted = pointless = 0
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "CREATE TEMPORARY TABLE loading (country text, postcode text, latitude float8, longitude float8)"
            " ON COMMIT DROP"
        )
        async with connection.cursor().copy("COPY loading FROM STDIN") as copy:
            for postcode, point in rows:
                counted += 1
                if point is None:
                    pointless += 1
                else:
                    await copy.write_row((*postcode, *point))
        await connection.execute(
            "DELETE FROM postal_codes WHERE country IN (SELECT DISTINCT country FROM loading)"
        )
        await connection.execute(FILLED)
        found = await connection.execute(
            "SELECT country, count(DISTINCT postcode) FROM loading GROUP BY country ORDER BY country"
        )
        return Loaded(counted, pointless, dict(await found.fetchall()))


async def countries(queries: Queries) -> list[str]:
    """The countries that there are postcodes of."""
    return [row["country"] for row in await queries.rows(COUNTRIES)]


async def points(queries: Queries, asked: Iterable[Postcode]) -> dict[Postcode, Point]:
    """Where postcodes are; those that are not in the table are left out."""
    pairs = sorted(set(asked))
    found = await queries.rows(
        "SELECT country, postcode, latitude, longitude FROM postal_codes"
        " JOIN unnest(%s::text[], %s::text[]) AS asked (country, postcode) USING (country, postcode)",
        [[country for country, _ in pairs], [code for _, code in pairs]],
    )
    return {
        Postcode(row["country"], row["postcode"]): Point(row["latitude"], row["longitude"]) for row in found
    }
