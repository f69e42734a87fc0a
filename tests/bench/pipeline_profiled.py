"""`onhand worker`, sampled: `pipeline_profiled.py FILE ARGUMENTS...` runs `onhand ARGUMENTS...` in this process.

From SIGUSR1 on the kernel interrupts it after every few milliseconds of its own processor time (SIGPROF), so that only work is sampled and
no waiting. When it ends, FILE says in how many samples each function was the one at work, and in how many it was on the stack, as JSON.
What is written in C is its caller's.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from streams import cli

ROOT = Path(__file__).resolve().parents[2]
EVERY = 0.004
at_work: Counter[str] = Counter()
on_the_stack: Counter[str] = Counter()
_names: dict[object, str] = {}


def name_of(frame: FrameType) -> str:
    """Where a function is: `own streams/chunks.py commit`, or `lib aiokafka/...`."""
    code = frame.f_code
    if code not in _names:
        file = Path(code.co_filename)
        if code.co_filename == "<string>":
            _names[code] = generated(frame)
        elif file.is_relative_to(ROOT) and ".venv" not in file.parts:
            _names[code] = f"own {file.relative_to(ROOT)} {code.co_qualname}"
        else:
            _names[code] = f"lib {'/'.join(file.parts[-2:])} {code.co_qualname}"
    return _names[code]


def generated(frame: FrameType) -> str:
    """Whose code it is that dataclasses and named tuples have generated: it makes one of them."""
    made = frame.f_locals.get("_cls") or type(frame.f_locals.get("self"))
    module = str(made.__module__)
    whose = "own" if (ROOT / module.partition(".")[0]).is_dir() else "lib"
    return f"{whose} {module} {made.__qualname__}(...)"


def sample(_: int, frame: FrameType | None) -> None:
    if frame is None:
        return
    at_work[name_of(frame)] += 1
    seen = set()
    while frame is not None:
        seen.add(name_of(frame))
        frame = frame.f_back
    on_the_stack.update(seen)


def begin(_: int, __: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)


def main(file: str, *arguments: str) -> None:
    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, begin)
    sys.argv = ["onhand", *arguments]
    try:
        cli.main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(file).write_text(
            json.dumps({"at_work": at_work, "on_the_stack": on_the_stack}), encoding="utf-8"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
