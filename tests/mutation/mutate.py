"""Mutation testing of the core: plants one fault after the other, and counts those that the tests in `tests/schemas` notice.

All is imported and collected once, and each mutant is a fork of that. A fault in a function is put into the function, and
the tests that call it run until one fails, the quick ones first. A fault outside of functions (in a table, a default) takes a
new import, and all tests, the nearest first. Properties are tried with a few examples, always the same ones.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from operators import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
NOT_MUTATED = {"__init__", "asyncapi", "publish", "topics"}
"""No logic: a docstring, the writers of the published schemas, and the table of topics."""

LEAST = 85
"""Percent of all mutants that the tests must notice."""

MEMORY = 4 << 30
QUICK = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
PYTEST = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
CAUGHT, ENDLESS, SURVIVED = "caught", "endless", "survived"
BROKEN = 99
"""How a process ends that could not try its mutant."""


class Few:
    """Gives every property a few examples, and sorts the tests."""

    def __init__(self, order: Callable[[str], Any]) -> None:
        self.order = order

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            machine, stated = getattr(item, "cls", None), getattr(item, "obj", None)
            if machine is not None and hasattr(machine, "settings"):
                machine.settings = settings(QUICK, stateful_step_count=machine.settings.stateful_step_count)
            elif hasattr(stated, "_hypothesis_internal_use_settings"):
                stated._hypothesis_internal_use_settings = QUICK
        items.sort(key=lambda item: self.order(item.nodeid))


class Hunt(Few):
    """In place of running the tests once: runs them once to see which calls what, and then for each mutant."""

    def __init__(self, found: Sequence[Mutant], trees: dict[str, ast.Module], tests: str, jobs: int) -> None:
        super().__init__(str)
        self.found, self.trees, self.tests, self.jobs = found, trees, tests, jobs
        self.failed = False
        self.ends: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = {}
        self.callers: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        watched = json.loads(forked(lambda: json.dumps(self.watched(session.items))))
        for nodeid, (took, called) in watched.items():
            self.seconds[nodeid] = took
            for function in called:
                self.callers[function].add(nodeid)
        for module in self.trees:
            importlib.import_module(module)
        gc.disable()  # a fork shares what neither side writes to
        self.functions = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
        waiting, running = list(reversed(self.found)), {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                running[self.start(mutant, session.items)] = mutant
            child, status = os.wait()
            mutant = running.pop(child)
            assert os.waitstatus_to_exitcode(status) != BROKEN, mutant.name
            end = ENDLESS if os.WIFSIGNALED(status) else CAUGHT if status else SURVIVED
            self.ends[mutant.module, end] += 1
            if end != CAUGHT:
                print(f"{end}: {mutant.name}", flush=True)
        return True

    def run(self, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        """Runs tests until one fails."""
        for item, following in zip(items, [*items, None][1:], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return
            yield item

    def watched(self, items: Sequence[pytest.Item]) -> dict[str, tuple[float, list[str]]]:
        """Runs all tests on the core as it is. Returns for each its seconds and the functions of the core it calls."""
        seen: dict[str, tuple[float, list[str]]] = {}
        called: set[str] = set()

        def note(frame: FrameType, *_: object) -> None:  # told of each call, and of no line
            if frame.f_globals.get("__name__", "").startswith("schemas."):
                called.add(f"{frame.f_globals['__name__']}:{frame.f_code.co_firstlineno}")

        sys.settrace(note)
        started = time.process_time()
        for item in self.run(items):
            seen[item.nodeid] = time.process_time() - started, sorted(called)
            called.clear()
            started = time.process_time()
        sys.settrace(None)
        assert len(seen) == len(items), "the tests fail without any mutant"
        return seen

    def start(self, mutant: Mutant, items: Sequence[pytest.Item]) -> int:
        """Tests a mutant in a process of its own, and returns its id."""
        callers = self.callers[f"{mutant.module}:{mutant.function}"] if mutant.function else self.seconds
        chosen = sorted(
            (item for item in items if item.nodeid in callers), key=lambda one: self.seconds[one.nodeid]
        )
        if child := os.fork():
            return child
        limit = 10 + 3 * int(sum(self.seconds[item.nodeid] for item in chosen))
        # processor time: a busy machine changes nothing
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = BROKEN
        try:
            tree = mutant.planted(self.trees[mutant.module])
            planted = compile(tree, mutant.module, "exec", dont_inherit=True)
            if mutant.function:
                graft(planted, sys.modules[mutant.module], self.functions)
                code = sum(1 for _ in self.run(chosen)) < len(chosen)
            else:
                code = self.imported(planted, mutant.module)
        finally:
            os._exit(code)

    def imported(self, planted: CodeType, module: str) -> int:
        """Runs the tests of the module and of what is published, then all, on a core imported anew with the mutant in it."""
        for name, known in list(sys.modules.items()):
            path = Path(getattr(known, "__file__", None) or "/")
            if path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix) and name != __name__:
                del sys.modules[name]
        sys.meta_path.insert(0, Planter(planted, module))
        few = Few(lambda nodeid: self.seconds[nodeid])
        near = [f"{self.tests}/test_{name}.py" for name in (module.removeprefix("schemas."), "publish")]
        near = [path for path in near if Path(path).exists()]
        rest = [self.tests, *(f"--ignore={path}" for path in near)]
        return int(
            (near and pytest.main([*PYTEST, *near], plugins=[few]))
            or pytest.main([*PYTEST, *rest], plugins=[few])
        )


class Planter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from the code of its mutant."""

    def __init__(self, planted: CodeType, module: str) -> None:
        self.planted, self.module = planted, module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.planted, vars(module))


def graft(planted: CodeType, module: ModuleType, functions: Sequence[FunctionType]) -> None:
    """Puts the code of a module's functions and methods into those that are imported already."""
    codes: dict[tuple[str, int], CodeType] = {}
    outer = [planted]
    while outer:
        for code in (one for one in outer.pop().co_consts if isinstance(one, CodeType)):
            codes[code.co_qualname, code.co_firstlineno] = code
            outer += [code] if not code.co_flags & 2 else []  # without fast locals: the body of a class
    for function in (one for one in functions if one.__globals__ is vars(module)):
        key = function.__code__.co_qualname, function.__code__.co_firstlineno
        if key in codes:
            function.__code__ = codes[key]


def forked(work: Callable[[], str]) -> str:
    """What `work` returns, done in a process of its own, so that it leaves nothing behind in this one."""
    read, write = os.pipe()
    if not os.fork():
        with os.fdopen(write, "w") as answer:
            answer.write(work())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.wait()
    return text


def row(name: str, ends: Counter[str]) -> str:
    """A line of the table. What never ends is noticed: its test does not pass."""
    killed = 100 * (ends[CAUGHT] + ends[ENDLESS]) / max(1, ends.total())
    return f"{name:22}{ends.total():8}{ends[CAUGHT]:8}{ends[ENDLESS]:9}{ends[SURVIVED]:10}{killed:8.1f} %"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "only", nargs="*", help="modules (`schemas.ledger`) or places in them (`schemas.ledger:42:`)"
    )
    parser.add_argument("--tests", default="tests/schemas", help="the tests that are to notice")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="print the mutants and do nothing with them")
    asked = parser.parse_args()
    os.chdir(ROOT)
    paths = [path for path in sorted(Path("schemas").glob("*.py")) if path.stem not in NOT_MUTATED]
    trees = {f"schemas.{path.stem}": ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    wanted = tuple(name if ":" in name else f"{name}:" for name in asked.only)
    found = [one for module, tree in trees.items() for one in mutants(module, tree)]
    found = [one for one in found if not wanted or one.name.startswith(wanted)]
    if asked.list:
        print(*(one.name for one in found), sep="\n")
        return 0
    hunt = Hunt(found, trees, asked.tests, asked.jobs)
    if pytest.main([*PYTEST, "-s", asked.tests], plugins=[hunt]):
        return 1
    print(f"\n{'module':22}{'mutants':>8}{'caught':>8}{'endless':>9}{'survived':>10}{'killed':>10}")
    total: Counter[str] = Counter()
    for module in sorted({module for module, _ in hunt.ends}):
        its = Counter({end: hunt.ends[module, end] for end in (CAUGHT, ENDLESS, SURVIVED)})
        print(row(module, its))
        total += its
    print(row("total", total))
    return int(100 * total[SURVIVED] > (100 - LEAST) * total.total())


if __name__ == "__main__":
    sys.exit(main())
