"""GeoNames' files: every line is read, or the file is refused with the line and the reason."""

from __future__ import annotations

import zipfile

import pytest

from projections.geonames import NotPostcodes, Row, lines_of, rows
from schemas.distances import Point
from schemas.postcodes import Postcode

BERLIN = "DE\t10115\tBerlin\tLand Berlin\tBE\t\t00\tBerlin, Stadt\t11000\t52.5323\t13.3846\t4"
LONDON = "GB\tSW1A 1AA\tLondon\tEngland\tENG\t\t\t\t\t51.501\t-0.1416\t6"
NOWHERE = "FR\t75341 CEDEX 08\tParis\t\t\t\t\t\t\t\t\t"
READ = [
    Row(Postcode("DE", "10115"), Point(52.5323, 13.3846)),
    Row(Postcode("GB", "SW1A1AA"), Point(51.501, -0.1416)),
    Row(Postcode("FR", "75341CEDEX08"), None),
]


def read(path):
    with lines_of(path) as lines:
        return list(rows(lines))


@pytest.fixture
def table(tmp_path):
    def written(*lines, end="\n", encoding="utf-8"):
        file = tmp_path / "table.txt"
        file.write_bytes((end.join(lines) + end).encode(encoding))
        return file

    return written


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_given_a_table_then_every_line_is_a_postcode_with_its_point_if_it_says_one(table, end):
    assert read(table(BERLIN, LONDON, "", NOWHERE, end=end)) == READ


def test_given_the_archive_as_it_is_downloaded_then_its_table_is_read(table, tmp_path):
    with zipfile.ZipFile(tmp_path / "DE.zip", "w") as archive:
        archive.write(table(BERLIN, LONDON, NOWHERE), "DE.txt")
        archive.writestr("readme.txt", "Readme for GeoNames Postal Code files :\n")
    assert read(tmp_path / "DE.zip") == READ


def test_given_a_place_name_with_a_line_separator_of_unicode_then_it_ends_no_line(table):
    assert read(table(BERLIN.replace("Berlin", "Ber\u2028\x85lin"))) == READ[:1]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("\t", ";", "line 2: 11 columns with tabs between them are expected, there are 1"),
        ("DE", "Germany", "line 2: the first column is a country of two capital letters"),
        ("10115", " - ", "line 2: the second column is a postcode"),
        *(
            (old, new, "line 2: columns 10 and 11 are degrees north and east")
            for old, new in (
                ("52.5", "95.5"),
                ("13.3", "181.3"),
                ("13.3846", ""),
                ("52.", "x"),
                ("52.5323", "nan"),
            )
        ),
    ],
)
def test_given_a_line_that_is_none_then_it_is_named_with_what_is_wrong(table, old, new, fault):
    with pytest.raises(NotPostcodes, match=f"^{fault}$"):
        read(table(LONDON, BERLIN.replace(old, new, -1 if old == "\t" else 1)))


def test_given_a_file_that_is_no_table_then_that_is_told(table, tmp_path):
    with pytest.raises(NotPostcodes, match="is not text in UTF-8"):
        read(table(BERLIN.replace("Berlin", "K\xf6ln"), encoding="latin-1"))
    with pytest.raises(NotPostcodes, match="cannot be read: No such file"):
        read(tmp_path / "missing.txt")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("DE.txt", BERLIN)
        archive.writestr("GB.txt", LONDON)
    with pytest.raises(NotPostcodes, match="one table is expected in the archive, there are 2"):
        read(tmp_path / "two.zip")
