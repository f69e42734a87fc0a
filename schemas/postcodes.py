"""How postcodes are written, so that one is found however it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

AREAS: Mapping[str, slice] = {
    "CA": slice(3),  # K1A 0B1
    "GB": slice(-3),  # SW1A 1AA
    "IE": slice(3),  # D02 X285
    "MT": slice(3),  # VLT 1117
    "NL": slice(4),  # 1012 JS
    "US": slice(5),  # 10001-1234
}
"""Which part of a full postcode names its area, by country: of these the free tables have the areas, and often no more."""


class Postcode(NamedTuple):
    """A postcode of a country (ISO 3166, two letters), spelled as `spelled` has it."""

    country: str
    code: str


def spelled(code: str) -> str:
    """A postcode in capitals, without spaces, hyphens and the like; empty where nothing is left."""
    return "".join(filter(str.isalnum, code.upper()))


def spellings(country: str, code: str) -> tuple[str, ...]:
    """What a typed postcode may be listed as, the most exact first."""
    full = spelled(code)
    area = full[AREAS[country]] if country in AREAS else full
    return (full, area) if area and area != full else (full,)
