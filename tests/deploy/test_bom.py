"""What the product is made of, and that all of it may be used.

The schema is CycloneDX's own (`about` in it says which); its list of SPDX names is SPDX's.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tomllib
from email.message import Message
from pathlib import Path

import pytest
from jsonschema_rs import Draft7Validator

from deploy import bom

SCHEMAS = json.loads(gzip.decompress(Path(__file__).with_name("cyclonedx.json.gz").read_bytes()))
SPDX = set(SCHEMAS["http://cyclonedx.org/schema/spdx.schema.json"]["enum"])


@pytest.fixture(scope="module")
def report():
    return bom.bom(bom.LOCK.read_text())


def faults(report) -> list[str]:
    schema = SCHEMAS["http://cyclonedx.org/schema/bom-1.6.schema.json"]
    return [
        error.message for error in Draft7Validator(schema, retriever=SCHEMAS.__getitem__).iter_errors(report)
    ]


def test_given_the_report_then_it_is_cyclonedx(report):
    assert faults(report) == []
    assert faults({**report, "components": [{"type": "thing"}]}) != []


def test_given_the_report_then_it_names_all_that_the_image_installs_with_its_hashes(report):
    found = {one["name"]: one for one in report["components"] if one["purl"].startswith("pkg:pypi/")}
    locked = bom.pins((bom.ROOT / "deploy/image.lock").read_text())
    assert found.keys() == locked.keys()
    assert len(found) > 50
    assert [name for name, one in found.items() if not one["hashes"]] == []
    assert {f"{name}=={one['version']}" for name, one in found.items()} == {
        pin.partition(" ")[0].lower().replace("_", "-") for pin in locked.values()
    }


def test_given_what_the_project_asks_for_then_all_of_it_is_in_the_report_whatever_was_installed_when(report):
    asked = tomllib.loads((bom.ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = {one["name"] for one in report["components"]}
    assert {bom.canonicalize_name(bom.Requirement(one).name) for one in asked} - found == set()


def test_given_the_report_then_kafkas_jars_are_in_it_by_the_versions_of_the_pom(report):
    jars = {one["purl"] for one in report["components"] if one["purl"].startswith("pkg:maven/")}
    assert "pkg:maven/org.apache.kafka/kafka_2.13@4.3.1" in jars
    assert not any("${" in one for one in jars)


def test_given_the_report_then_what_needs_what_closes(report):
    refs = {report["metadata"]["component"]["bom-ref"], *(one["bom-ref"] for one in report["components"])}
    for one in report["dependencies"]:
        assert {one["ref"], *one["dependsOn"]} <= refs


def test_given_a_dependency_then_its_licence_is_one_that_is_allowed_by_its_spdx_name(report):
    said = {one["name"]: one["licenses"][0]["expression"] for one in report["components"]}
    assert {name: spdx for name, spdx in said.items() if not bom.allowed(spdx)} == {}
    names = {one for spdx in said.values() for one in bom.licences(spdx)}
    assert {one for one in names if one not in SPDX and not one.startswith("LicenseRef-")} == set()


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("Apache-2.0 AND (GPL-2.0-only OR AGPL-3.0-only)", False),
    ],
)
def test_given_an_expression_then_each_part_of_it_must_be_allowed_and_of_a_choice_one(expression, may):
    assert bom.allowed(expression) is may


class Told:
    """A distribution that says this of itself."""

    version = "1"

    def __init__(self, **said: str) -> None:
        self.metadata = Message()
        self.metadata["Name"] = "thing"
        for name, value in said.items():
            self.metadata[name.replace("_", "-")] = value


def test_given_a_distribution_then_its_licence_is_read_where_it_stands_or_nobody_guesses():
    assert bom.licence(Told(License_Expression="MIT", License="GPL")) == "MIT"
    assert bom.licence(Told(License="Apache 2.0")) == "Apache-2.0"
    assert (
        bom.licence(Told(License="see file", Classifier="License :: OSI Approved :: BSD License"))
        == "BSD-3-Clause"
    )
    with pytest.raises(bom.UnknownLicence, match=r"thing 1: read its licence"):
        bom.licence(Told(License="Copyright (c) me"))


def test_given_the_command_then_it_prints_the_report_alone(report):
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bom"], cwd=bom.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, report, "")
