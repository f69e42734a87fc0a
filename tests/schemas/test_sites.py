from __future__ import annotations

from schemas.distances import Point
from schemas.sites import Site, nearest_first

HERE = Point(52.52, 13.40)
NEAR = Site(location="NEAR", point=Point(52.53, 13.40))
FAR = Site(location="FAR", point=Point(53.55, 9.99))
SOMEWHERE = Site(location="SOMEWHERE")


def names(*sites, near=HERE, preferred=None):
    return [site.location for site in nearest_first(sites, near, preferred)]


def test_given_a_point_then_the_nearest_comes_first_and_one_of_unknown_place_last():
    assert names(SOMEWHERE, FAR, NEAR) == ["NEAR", "FAR", "SOMEWHERE"]
    assert SOMEWHERE.away(HERE) is None


def test_given_no_point_then_names_decide():
    assert names(SOMEWHERE, NEAR, FAR, near=None) == ["FAR", "NEAR", "SOMEWHERE"]


def test_given_a_channel_lists_its_places_then_its_order_goes_before_distance_and_the_first_mention_counts():
    assert names(NEAR, FAR, SOMEWHERE, preferred=("SOMEWHERE", "FAR", "SOMEWHERE")) == [
        "SOMEWHERE",
        "FAR",
        "NEAR",
    ]
