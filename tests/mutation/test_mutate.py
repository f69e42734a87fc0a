"""Mutation testing itself: what it changes, and that it sees what the tests notice. `make mutation` tries the whole core."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

MUTATE = Path(__file__).with_name("mutate.py")


def mutated(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(MUTATE), *arguments], capture_output=True, text=True, check=False, timeout=200
    )


@pytest.fixture(scope="module")
def operators():
    sys.path.insert(0, str(MUTATE.parent))
    import operators

    sys.path.remove(str(MUTATE.parent))
    return operators


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("LEAST = 7", ["7 -> 8", "7 -> 6"]),
        ("RIGHT = True", ["True -> False"]),
        ("PAIR = (a, b)", ["(a, b) -> (b,)", "(a, b) -> (a,)"]),
        ("def f(a):\n  if a < b: g(a)", ["a < b -> a <= b", "a < b -> a >= b", "g(a) -> pass"]),
        (
            "def f(a):\n  return not a and b",
            ["return not a and b -> return None", "not a and b -> not a or b"],
        ),
        ("def f(a):\n  a += max(a, key=b)", ["a += max(a, key=b) -> a -= max(a, key=b)", "max -> min"]),
        ("def f(a: int = 3): ...", ["3 -> 4", "3 -> 2"]),
        ("def f():\n  raise Refused('it is closed')", ["raise Refused('it is closed') -> pass"]),
    ],
)
def test_given_a_line_of_code_then_it_is_changed_in_these_ways(operators, text, becomes):
    found = [mutant.name.partition(": ")[2] for mutant in operators.mutants("shop", ast.parse(text))]
    assert [change for change in becomes if change not in found] == []


@pytest.mark.parametrize(
    "text",
    [
        '"""A shop."""',
        "from shop import shelf",
        "@cache(size=3)\ndef f(): ...",
        "shelf: dict[Literal['a'], int]",
        "def f(a):\n  text = 'there is nothing left'",
        "def f(a):\n  text = f'{a - 1} units are left'",
    ],
)
def test_given_what_speaks_to_people_or_is_only_form_then_it_is_left_alone(operators, text):
    assert list(operators.mutants("shop", ast.parse(text))) == []


def test_given_a_mutant_then_the_rest_of_its_module_is_as_before(operators):
    text = "def f(a):\n    return a + 1 if a > 2 else a - 7"
    for at in range(len(list(operators.mutants("shop", ast.parse(text))))):
        tree = ast.parse(text)
        mutant = list(operators.mutants("shop", tree))[at]
        old, new = mutant.name.partition(": ")[2].split(" -> ")
        assert ast.unparse(mutant.planted(tree)) == text.replace(old, new, 1) != text


@pytest.mark.parametrize("place", ["schemas.seals:31:", "schemas.receipts:17:"])
def test_given_tests_of_what_is_changed_then_they_notice_and_tests_of_something_else_do_not(place):
    """In a function, whose code is exchanged, and in a table, for which all is imported anew."""
    module = place.split(":")[0].removeprefix("schemas.")
    noticed = mutated(place, "--tests", f"tests/schemas/test_{module}.py")
    assert noticed.returncode == 0, noticed.stdout + noticed.stderr
    assert noticed.stdout.splitlines()[-1].endswith("100.0 %")
    missed = mutated(place, "--tests", "tests/schemas/test_desks.py")
    assert missed.returncode == 1
    assert "survived: " + place in missed.stdout
