"""`onhand geo load`, as an operator types it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import psycopg
import pytest

BERLIN = "DE\t{}\tBerlin\tLand Berlin\tBE\t\t00\tBerlin, Stadt\t11000\t52.5323\t13.3846\t4\n"


@pytest.fixture
def geo_load(tmp_path, dsn):
    (tmp_path / "onhand.toml").write_text(
        f'[kafka]\naddress = "127.0.0.1:1"\n[postgres]\naddress = "{dsn}"\n'
    )

    def typed(*arguments):
        command = [sys.executable, "-m", "streams.cli", "geo", "load", *arguments]
        done = subprocess.run(
            [*command, "--config", str(tmp_path / "onhand.toml")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr
        return done

    return typed


def listed(dsn):
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT country, postcode, latitude, longitude FROM postal_codes ORDER BY 1, 2"
        )
        return found.fetchall()


def test_given_a_downloaded_archive_then_its_postcodes_are_taken_and_counted(geo_load, tmp_path, dsn):
    with zipfile.ZipFile(tmp_path / "DE.zip", "w") as archive:
        archive.writestr("readme.txt", "Readme for GeoNames Postal Code files :\n")
        archive.writestr("DE.txt", BERLIN.format("10115") + BERLIN.format("10117") + BERLIN.format("10115"))
    done = geo_load(str(tmp_path / "DE.zip"), "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"rows": 3, "without_point": 0, "countries": {"DE": 2}},
    )
    assert listed(dsn) == [("DE", "10115", 52.5323, 13.3846), ("DE", "10117", 52.5323, 13.3846)]
    assert geo_load(str(tmp_path / "DE.zip")).stdout == "rows 3, without point 0, countries DE 2\n"


def test_given_a_file_that_is_wrong_then_the_line_is_told_with_exit_code_2_and_the_table_stays(
    geo_load, tmp_path, dsn
):
    file = tmp_path / "DE.txt"
    file.write_text(BERLIN.format("10115"))
    assert geo_load(str(file)).returncode == 0
    file.write_text(BERLIN.format("10117") + "10115;52.5\n")
    done = geo_load(str(file))
    assert done.returncode == 2
    assert f"{file}: line 2: 11 columns with tabs" in done.stderr
    assert "nothing was changed" in done.stderr
    assert [row[1] for row in listed(dsn)] == ["10115"]
