"""The table of postcodes in PostgreSQL."""

from __future__ import annotations

import pytest

from projections.geonames import NotPostcodes, Row, rows
from projections.near import located, whereabouts
from projections.postcodes import Loaded, countries, load, points
from projections.problems import Problem
from schemas.distances import Point
from schemas.postcodes import Postcode
from schemas.sites import Site

BERLIN, MITTE = Postcode("DE", "10115"), Point(52.53, 13.38)
SOHO = Site(location="SOHO", point=Point(40.72, -74.0), postcode="10012", country="US")


def at(country, code, north, east):
    return Row(Postcode(country, code), Point(north, east))


GERMANY = [at("DE", "10115", *MITTE), at("DE", "20095", 53.55, 10.0)]


async def test_given_a_postcode_of_many_places_then_it_is_in_the_midst_of_them_and_the_date_line_does_not_matter(
    pool, shop
):
    fiji = [at("FJ", "1", -17.0, east) for east in (179.8, 179.9, -179.9)]
    found = await load(
        pool,
        [*GERMANY, at("DE", "20095", 53.57, 10.1), at("DE", "20095", 0.0, 0.0), *fiji, at("DE", "1", 1, 1)],
    )
    assert found == Loaded(8, 0, {"DE": 3, "FJ": 1})
    asked = [BERLIN, Postcode("DE", "20095"), Postcode("FJ", "1"), Postcode("US", "10115")]
    assert await points(shop.queries, asked) == {
        BERLIN: MITTE,
        Postcode("DE", "20095"): Point(53.55, 10.0),
        Postcode("FJ", "1"): Point(-17.0, 179.8),
    }


async def test_given_a_countrys_new_file_then_it_is_all_there_is_of_it_and_other_countries_stay(pool, shop):
    await load(pool, [*GERMANY, at("AT", "1010", 48.2, 16.4)])
    again = [at("DE", "10115", 52.5, 13.4), Row(Postcode("DE", "99999"), None)]
    for _ in range(2):
        assert await load(pool, again) == Loaded(2, 1, {"DE": 1})
    asked = [BERLIN, Postcode("DE", "20095"), Postcode("AT", "1010"), Postcode("DE", "99999")]
    assert (await points(shop.queries, asked)).keys() == {BERLIN, Postcode("AT", "1010")}
    assert await countries(shop.queries) == ["AT", "DE"]


async def test_given_a_file_with_a_bad_line_then_nothing_is_changed(pool, shop):
    await load(pool, GERMANY)
    line = "DE\t10115\tBerlin\t\t\t\t\t\t\t1.0\t2.0\t4"
    with pytest.raises(NotPostcodes, match="line 2"):
        await load(pool, rows([line, "DE"]))
    assert await points(shop.queries, [BERLIN]) == {BERLIN: MITTE}


# -- where a shopper is


@pytest.mark.parametrize("near", ["40.72,-74", " 40.72 , -74.0 "])
async def test_given_degrees_then_no_table_is_needed(shop, near):
    assert await whereabouts(shop.queries, near, None, []) == Point(40.72, -74.0)


@pytest.mark.parametrize("near", ["10012", " 10012-0001", "10 012"])
@pytest.mark.parametrize("country", [None, "US"])
async def test_given_the_postcode_of_one_of_our_places_then_no_table_is_needed(shop, near, country):
    assert await whereabouts(shop.queries, near, country, [SOHO]) == SOHO.point


async def test_given_a_full_postcode_and_a_table_of_areas_then_the_area_is_taken_but_the_exact_one_if_it_is_there(
    pool, shop
):
    await load(
        pool, [at("GB", "SW1A", 51.5, -0.13), at("GB", "M11AE", 53.48, -2.23), at("GB", "M1", 53.4, -2.2)]
    )
    for near, point in (
        ("sw1a 1aa", Point(51.5, -0.13)),
        ("SW1A", Point(51.5, -0.13)),
        ("M1 1AE", Point(53.48, -2.23)),
        ("M1 9ZZ", Point(53.4, -2.2)),
    ):
        assert await whereabouts(shop.queries, near, "GB", []) == point, near


async def test_given_a_postcode_that_several_countries_have_then_ours_is_meant_or_else_the_country_is_asked_for(
    pool, shop
):
    await load(pool, [*GERMANY, at("US", "10115", 40.81, -73.96), at("FR", "20095", 0, 0)])
    assert await whereabouts(shop.queries, "10115", None, [SOHO]) == Point(40.81, -73.96)
    assert await whereabouts(shop.queries, "10115", "DE", [SOHO]) == MITTE
    with pytest.raises(Problem) as asked:
        await whereabouts(shop.queries, "10115", None, [])
    assert (asked.value.status, asked.value.title) == (400, "Which country?")
    assert asked.value.detail.startswith("that postcode is in DE, US;")
    with pytest.raises(Problem, match="Which country"):
        await whereabouts(shop.queries, "20095", None, [SOHO])


async def test_given_a_postcode_that_is_not_known_then_what_would_help_is_said_and_the_postcode_is_not(
    pool, shop
):
    with pytest.raises(Problem) as none:
        await whereabouts(shop.queries, "77777", None, [SOHO])
    assert none.value.status == 404
    assert "no postcodes are loaded; `onhand geo load FILE`" in none.value.detail
    await load(pool, [*GERMANY, at("AT", "1010", 48.2, 16.4)])
    with pytest.raises(Problem) as unknown:
        await whereabouts(shop.queries, "77777", "DE", [SOHO])
    assert unknown.value.detail.startswith("postcodes are loaded of: AT, DE;")
    for found in (none, unknown):
        assert "77777" not in str(found.value)


@pytest.mark.parametrize(
    "near",
    [
        "",
        "91,0",
        "0,181",
        "1,2,3",
        "52,5 13,4",
        "10115\x00",
        "x" * 21,
        "a_b",
        "\u0661\u0660\u0661\u0661\u0665",
    ],
)
async def test_given_what_is_neither_then_it_is_said_how_both_are_written(shop, near):
    with pytest.raises(Problem) as refused:
        await whereabouts(shop.queries, near, None, [])
    assert refused.value.status == 422


async def test_given_a_place_without_degrees_then_its_postcode_says_where_it_is(pool, shop):
    await load(pool, GERMANY)
    mitte = Site(location="MITTE", postcode="101 15", country="DE")
    far, lost = Site(location="FAR", postcode="1", country="DE"), Site(location="LOST")
    found = await located(shop.queries, [SOHO, mitte, far, lost])
    assert [site.point for site in found] == [SOHO.point, MITTE, None, None]
    assert [site.location for site in found] == ["SOHO", "MITTE", "FAR", "LOST"]
