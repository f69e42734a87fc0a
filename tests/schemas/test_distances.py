from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.distances import EARTH_KM, Point, kilometres

BERLIN, PARIS = Point(52.5200, 13.4050), Point(48.8566, 2.3522)
SYDNEY, NEW_YORK = Point(-33.8688, 151.2093), Point(40.7128, -74.0060)
points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.parametrize(
    ("one", "other", "apart"), [(BERLIN, PARIS, 878), (NEW_YORK, SYDNEY, 15_989), (BERLIN, NEW_YORK, 6_385)]
)
def test_given_two_cities_then_their_distance_is_the_one_in_the_atlas(one, other, apart):
    assert kilometres(one, other) == pytest.approx(apart, rel=0.005)


def test_given_two_points_on_both_sides_of_the_date_line_then_they_are_near():
    assert kilometres(Point(-17.0, 179.9), Point(-17.0, -179.9)) == pytest.approx(21.3, abs=0.1)


@given(one=points, other=points, third=points)
def test_given_any_points_then_the_distance_is_one(one, other, third):
    half = 3.1415926536 * EARTH_KM
    assert 0 <= kilometres(one, other) <= half + 1
    assert kilometres(one, other) == pytest.approx(kilometres(other, one))
    assert kilometres(one, one) == 0
    assert kilometres(one, third) <= kilometres(one, other) + kilometres(other, third) + 1e-3
