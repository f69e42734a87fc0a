"""Reads GeoNames' postal code files (https://download.geonames.org/export/zip/, CC BY 4.0): text with tabs, as it is or zipped."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from schemas.distances import Point
from schemas.postcodes import Postcode, spelled

COUNTRY, CODE, LATITUDE, LONGITUDE = 0, 1, 9, 10
COLUMNS = 11
"""Country, postcode, place, three levels of regions with a name and a code each, latitude, longitude; and accuracy, unread."""


class NotPostcodes(Exception):
    """The file is no table of postcodes. The message says which line is wrong and why."""


class Row(NamedTuple):
    """One line: a postcode, and where it is; None where the table does not say. A postcode may have many lines, one a place."""

    postcode: Postcode
    point: Point | None


@contextmanager
def lines_of(path: Path) -> Iterator[Iterable[str]]:
    """The lines of a file, or of the one table in a ZIP archive. Raises `NotPostcodes`."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open(encoding="utf-8", newline="\n") as file:
                yield file
            return
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.lower().startswith("readme")]
            if len(names) != 1:
                raise NotPostcodes(f"one table is expected in the archive, there are {len(names)}")
            with archive.open(names[0]) as packed:
                yield io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
    except OSError as error:
        raise NotPostcodes(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise NotPostcodes("is not text in UTF-8") from None
    except zipfile.BadZipFile:
        raise NotPostcodes("is not a whole ZIP archive") from None


def rows(lines: Iterable[str]) -> Iterator[Row]:
    """The table's rows. Raises `NotPostcodes` at the first line that is none."""
    for number, line in enumerate(lines, start=1):
        if text := line.rstrip("\r\n"):
            try:
                yield _row(text.split("\t"))
            except ValueError as fault:
                raise NotPostcodes(f"line {number}: {fault}") from None


def _row(columns: list[str]) -> Row:
    if len(columns) < COLUMNS:
        raise ValueError(f"{COLUMNS} columns with tabs between them are expected, there are {len(columns)}")
    country, code = columns[COUNTRY], spelled(columns[CODE])
    if not re.fullmatch("[A-Z]{2}", country):
        raise ValueError("the first column is a country of two capital letters")
    if not code:
        raise ValueError("the second column is a postcode")
    north, east = columns[LATITUDE], columns[LONGITUDE]
    if not north and not east:
        return Row(Postcode(country, code), None)
    try:
        point = Point(float(north), float(east))
    except ValueError:
        point = Point(float("nan"), float("nan"))
    if not all(map(isfinite, point)) or abs(point.latitude) > 90 or abs(point.longitude) > 180:
        raise ValueError(f"columns {LATITUDE + 1} and {LONGITUDE + 1} are degrees north and east")
    return Row(Postcode(country, code), point)
