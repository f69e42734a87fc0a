"""What the product is made of: its dependencies with their licences as CycloneDX, and the locks of the image, out of the one lock.

The format is CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
POM = Path(__file__).with_name("pom.xml")

LOCKS: Mapping[str, tuple[str, ...]] = {
    "deploy/image.lock": ("onhand",),
    "deploy/build.lock": ("hatchling", "editables"),
}
"""What the image's stages install: parts of the one lock, each with all that these need."""

ALLOWED = frozenset(
    {
        *(
            "0BSD",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "BSL-1.0",
            "ISC",
            "MIT",
            "MIT-0",
            "PSF-2.0",
            "Unlicense",
        ),
        *("MPL-2.0", "LGPL-3.0-only"),  # used as they are, as libraries that anybody may replace
        "LicenseRef-Repoze",
    }
)
"""Licences that a dependency may have. Whoever adds one says why."""

SAID: Mapping[str, str] = {
    **dict.fromkeys(
        ("Apache 2", "Apache 2.0", "Apache License, Version 2.0", "Apache Software License"), "Apache-2.0"
    ),
    **dict.fromkeys(("MIT License", "The MIT License"), "MIT"),
    **dict.fromkeys(("ISC License", "ISC License (ISCL)"), "ISC"),
    **dict.fromkeys(("BSD License", "BSD", "3-Clause BSD License"), "BSD-3-Clause"),
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What licences are called where they are not called by their SPDX name."""

READ: Mapping[str, str] = {
    "venusian": "LicenseRef-Repoze",  # three clauses of BSD, and that changed files carry a notice
}
"""The licence of a dependency whose metadata do not say it; somebody has read the file."""


class UnknownLicence(Exception):
    """Nobody has said yet under which licence a dependency is."""


def needs(names: Iterable[str]) -> dict[str, tuple[Distribution, frozenset[str]]]:
    """Distributions that are installed here with all that they need on this machine, and the names of what each needs itself."""
    found: dict[str, tuple[Distribution, frozenset[str]]] = {}
    waiting, seen = [(canonicalize_name(name), "") for name in names], set[tuple[str, str]]()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        its = distribution(name)
        asked = _ours() if name == "onhand" else its.requires or ()
        wanted = [
            one
            for one in map(Requirement, asked)
            if one.marker is None or one.marker.evaluate({"extra": extra})
        ]
        known = found.get(name, (its, frozenset()))[1]
        found[name] = its, known | {canonicalize_name(one.name) for one in wanted}
        waiting += [(canonicalize_name(one.name), extra) for one in wanted for extra in ("", *one.extras)]
    return dict(sorted(found.items()))


def _ours() -> list[str]:
    """What the project asks for; what it asked for when it was installed is another matter."""
    found: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
    return found


def pins(lock: str) -> dict[str, str]:
    """The pins of a lock with their hashes, by name."""
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return {canonicalize_name(part.partition("==")[0]): part for part in parts if "==" in part}


def lock_of(names: Iterable[str], lock: str) -> str:
    """The part of a lock that some distributions need."""
    locked = pins(lock)
    return "".join(locked[name] for name in needs(names) if name != "onhand")


def licence(its: Distribution) -> str:
    """The licence of a distribution as an SPDX expression. Raises `UnknownLicence`."""
    name = canonicalize_name(its.metadata["Name"])
    if name in READ:
        return READ[name]
    if expression := _told(its, "License-Expression"):
        return expression[0]
    kinds = [
        line.rpartition(" :: ")[2] for line in _told(its, "Classifier") if line.startswith("License :: ")
    ]
    for said in (*_told(its, "License"), *kinds):
        if (spdx := SAID.get(said.strip(), said.strip())) in ALLOWED:
            return spdx
    raise UnknownLicence(f"{name} {its.version}: read its licence, and add it to READ in deploy/bom.py")


def _told(its: Distribution, field: str) -> list[str]:
    """What the metadata of a distribution say under a name."""
    return its.metadata.get_all(field) or []


def licences(expression: str) -> frozenset[str]:
    """The licences in an SPDX expression."""
    return frozenset(re.findall(r"[A-Za-z0-9][A-Za-z0-9.+-]*", expression)) - {"AND", "OR", "WITH"}


def allowed(expression: str) -> bool:
    """Whether an SPDX expression holds no licence that is not allowed; where one may choose, what one may choose is."""
    plain = expression.replace("(", "").replace(")", "")
    return all(any(one.strip() in ALLOWED for one in part.split(" OR ")) for part in plain.split(" AND "))


def bom(lock: str) -> dict[str, Any]:
    """The whole report. Raises `UnknownLicence`."""
    found, locked = needs(["onhand"]), pins(lock)
    engines = [_engine(one) for one in _maven()]
    onhand = _component("onhand", found["onhand"][0], "")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**onhand, "type": "application"}},
        "components": [
            *(_component(name, its, locked[name]) for name, (its, _) in found.items() if name != "onhand"),
            *engines,
        ],
        "dependencies": [
            {"ref": _purl(name, its), "dependsOn": sorted(_purl(one, found[one][0]) for one in wanted)}
            for name, (its, wanted) in found.items()
        ],
    }


def _purl(name: str, its: Distribution) -> str:
    return f"pkg:pypi/{name}@{its.version}"


def _component(name: str, its: Distribution, pin: str) -> dict[str, Any]:
    described = {"description": summary[0]} if (summary := _told(its, "Summary")) else {}
    hashes = (
        {"hashes": [{"alg": "SHA-256", "content": one} for one in re.findall(r"sha256:(\w+)", pin)]}
        if pin
        else {}
    )
    return {
        "type": "library",
        "bom-ref": _purl(name, its),
        "name": name,
        "version": its.version,
        **described,
        "purl": _purl(name, its),
        "licenses": [{"expression": licence(its)}],
        **hashes,
    }


def _maven() -> list[dict[str, str]]:
    """What Maven is asked for: Kafka, which the embedded engine runs."""
    text = re.sub(r' xmlns="[^"]+"', "", POM.read_text(encoding="utf-8"), count=1)
    tree = ET.fromstring(text)  # noqa: S314  # our own file
    values = {f"${{{one.tag}}}": one.text or "" for one in tree.findall("properties/*")}
    return [
        {part.tag: values.get(part.text or "", part.text or "") for part in one}
        for one in tree.findall("dependencies/dependency")
    ]


def _engine(one: Mapping[str, str]) -> dict[str, Any]:
    purl = f"pkg:maven/{one['groupId']}/{one['artifactId']}@{one['version']}"
    spdx = {"org.apache.kafka": "Apache-2.0", "org.slf4j": "MIT"}[one["groupId"]]
    return {
        "type": "library",
        "bom-ref": purl,
        "group": one["groupId"],
        "name": one["artifactId"],
        "version": one["version"],
        "scope": "optional",
        "purl": purl,
        "licenses": [{"expression": spdx}],
    }


def main(arguments: list[str]) -> int:
    """Prints the report; with `locks`, writes the image's locks. Exit code 1 where a licence is not allowed."""
    lock = LOCK.read_text(encoding="utf-8")
    if arguments == ["locks"]:
        for file, names in LOCKS.items():
            (ROOT / file).write_text(lock_of(names, lock), encoding="utf-8")
        return 0
    try:
        report = bom(lock)
    except (UnknownLicence, PackageNotFoundError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command's output
        return 1
    print(json.dumps(report, indent=2))  # noqa: T201  # as above
    refused = {
        one["name"]: spdx
        for one in report["components"]
        if not allowed(spdx := one["licenses"][0]["expression"])
    }
    for name, spdx in refused.items():
        print(f"{name}: {spdx} is not allowed", file=sys.stderr)  # noqa: T201  # as above
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
