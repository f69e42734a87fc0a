"""The repository's own shape."""

from __future__ import annotations

import ast
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
        if path.suffix in {".gz", ".lock", ".png", ".parquet"} or path == Path("tests/test_tidy.py"):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        if re.search(r"(?<![\w.])/(?:work|home|root|Users)/\w", text):
            found.append(path)
    assert found == []


TABLES = re.compile(r"stage|table|LONGEST")
"""What a formatted statement may name."""

SECRET = re.compile(r"secret|signature|digest|token\b|hmac|password|csrf|^key$|api_key|nonce", re.IGNORECASE)
NAMED_LIKE_ONE = {
    "connectors/lightspeed_r/feeds.py",  # digests of documents, to see whether they changed
    "connectors/shopify/polling.py",  # the same, of transfers
    "projections/dashboard/assets.py",  # of files that everybody may have
    "projections/pool.py",  # of migrations
}


def test_given_a_secret_then_nothing_compares_it_so_that_the_time_it_takes_tells_of_it(tracked):
    """Only `hmac.compare_digest` does. What a double of a platform compares is its caller's own."""
    found = []
    for path in tracked:
        if path.suffix != ".py" or path.parts[0] not in ROOMS or "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
                continue
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            names = [ast.unparse(side) for side in sides if not ast.unparse(side).startswith("len(")]
            if any(SECRET.search(name) for name in names) and str(path) not in NAMED_LIKE_ONE:
                found.append(f"{path}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_given_a_statement_then_what_stands_in_it_is_ours_and_what_others_said_goes_beside_it(tracked):
    """A formatted statement names tables and columns of ours only: each is marked where it is, with the reason."""
    found = []
    for path in tracked:
        if path.suffix != ".py" or path.parts[0] not in {"projections", "streams"}:
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(
                (".execute", ".executemany", ".copy")
            ):
                continue
            parts = (
                [part for part in ast.walk(node.args[0]) if isinstance(part, ast.FormattedValue)]
                if node.args
                else []
            )
            named = [ast.unparse(part.value) for part in parts]
            found += [f"{path}:{node.lineno}: {name}" for name in named if not TABLES.fullmatch(name)]
    assert found == []


def test_given_the_code_then_nothing_writes_a_table_that_a_spreadsheet_would_calculate(tracked):
    """Exports are Parquet, reports JSON or a terminal's. Whoever adds CSV must see to names that begin with =, +, - or @."""
    writes = re.compile(r"csv\.(writer|DictWriter)|pa_csv\.write_csv|to_csv|text/tab-separated-values")
    ours = [
        path
        for path in tracked
        if path.suffix == ".py" and path.parts[0] in ROOMS and "sandbox" not in path.parts
    ]
    found = [path for path in ours if writes.search((ROOT / path).read_text(encoding="utf-8"))]
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
        "fuzzing",
        "golden",
    }
