from __future__ import annotations

import pytest

from schemas.postcodes import spelled, spellings


@pytest.mark.parametrize(
    ("country", "typed", "listed"),
    [
        ("DE", " 10115 ", ("10115",)),
        ("GB", "sw1a 1aa", ("SW1A1AA", "SW1A")),
        ("GB", "M1 1AE", ("M11AE", "M1")),
        ("US", "10001-1234", ("100011234", "10001")),
        ("US", "10001", ("10001",)),
        ("NL", "1012 js", ("1012JS", "1012")),
        ("CA", "k1a-0b1", ("K1A0B1", "K1A")),
        ("IE", "D02 X285", ("D02X285", "D02")),
        ("MT", "VLT 1117", ("VLT1117", "VLT")),
        ("PL", "00-001", ("00001",)),
        ("FR", "75341 Cedex 08", ("75341CEDEX08",)),
    ],
)
def test_given_a_postcode_as_somebody_types_it_then_it_is_listed_in_full_or_else_by_its_area(
    country, typed, listed
):
    assert spellings(country, typed) == listed


def test_given_nothing_but_signs_then_nothing_is_left():
    assert spelled(" -- ") == ""
