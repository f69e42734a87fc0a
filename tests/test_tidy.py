"""The repository's own shape."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP = {
    "pyproject.toml",
    "README.md",
    "streams",
    "connectors",
    "projections",
    "schemas",
    "tests",
    "deploy",
} | {*("Makefile", "CHANGELOG.md", "LICENSE", "requirements.lock")}
VAGUE = {"utils", "helpers", "common", "core", "base", "manager", "misc"}
ROOMS = ("schemas", "connectors", "projections", "streams", "deploy")


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def test_given_the_top_level_then_it_holds_what_it_may_and_nothing_else(tracked):
    assert {path.parts[0] for path in tracked if not path.parts[0].startswith(".")} == TOP


def test_given_a_name_then_it_says_what_is_inside(tracked):
    assert [path for path in tracked if VAGUE & {part.removesuffix(".py") for part in path.parts}] == []


def test_given_a_room_then_its_first_line_says_what_it_knows():
    for room in ROOMS:
        first = (ROOT / room / "__init__.py").read_text().partition("\n")[0]
        assert re.fullmatch(r'"""[A-Z].*[.]', first), room


def test_given_a_platform_then_its_folder_has_all_its_parts():
    parts = {"mapping.py", "client.py", "sink.py", "settings.py", "sandbox", "fixtures", "__init__.py"}
    for folder in (path.parent for path in (ROOT / "connectors").glob("*/mapping.py")):
        assert parts <= {path.name for path in folder.iterdir()}, folder.name


def test_given_the_lock_then_every_pin_has_hashes_and_no_index_is_named():
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.split(r"^(?=\S+==)", lock, flags=re.MULTILINE)[1:]
    assert len(pins) > 50
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []
    assert not re.search(r"https?://|--index|--find-links|--extra", lock)


def test_given_a_file_then_it_names_no_developers_machine(tracked):
    found = []
    for path in tracked:
        if path.suffix in {".gz", ".lock", ".png"} or path == Path("tests/test_tidy.py"):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        if re.search(r"(?<![\w.])/(?:work|home|root|Users)/\w", text):
            found.append(path)
    assert found == []


def test_given_a_test_of_a_module_then_it_stands_where_the_module_does(tracked):
    rooms = {path.parts[1] for path in tracked if path.parts[0] == "tests" and len(path.parts) > 2}
    assert rooms <= {
        *ROOMS,
        "system",
        "simulator",
        "mutation",
        "bench",
        "chaos",
        "soak",
        "day",
        "retailer",
        "stories",
        "screens",
        "study",
    }
