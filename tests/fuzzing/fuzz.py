"""Coverage-guided fuzzing of every mapping and parser, by `make fuzz`. Ends with 1 where something fell over.

What fell over is left in a file, which is named at the end; `python tests/fuzzing/fuzz.py FILE` tries it again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["schemas", "connectors", "projections", "streams"]):
    from mutating import mutated
    from parsers import PARSERS, SCRATCH

LONGEST = 16 * 1024
"""Bytes of an input."""

tried: Counter[str] = Counter()
faults: dict[str, bytes] = {}


def one(raw: bytes) -> None:
    """Tries an input: its first byte says which parser."""
    if not raw:
        return
    parser = PARSERS[raw[0] % len(PARSERS)]
    tried[parser.name] += 1
    try:
        parser.run(raw[1:])
    except Exception as error:  # noqa: BLE001  # whatever it raises is the finding
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{parser.name}: {type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {str(error)[:120]!r}"
        kind = where.rpartition(": ")[0]
        if not any(known.startswith(kind) for known in faults):
            faults[where] = raw
            sys.stdout.write(f"FOUND {where}\n")
            sys.stdout.flush()


def changed(raw: bytes, longest: int, seed: int) -> bytes:
    """Half of what is tried is a document with something changed in it, half is what libFuzzer makes of the bytes."""
    chance = Random(seed)
    if raw and chance.random() < 0.7:
        return (raw[:1] + mutated(raw[1:], chance))[:longest]
    made: bytes = atheris.Mutate(raw, longest)
    return made


def main() -> int:
    """The command."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("file", nargs="?", type=Path)
    said = asked.parse_args()
    if said.file is not None:
        raw = said.file.read_bytes()
        PARSERS[raw[0] % len(PARSERS)].run(raw[1:])
        return 0
    corpus, left = Path(tempfile.mkdtemp(prefix="onhand-fuzz-")), Path(tempfile.gettempdir())
    for number, parser in enumerate(PARSERS):
        for which, seed in enumerate(parser.seeds):
            if len(seed) < LONGEST:
                (corpus / f"{number:03}-{which:04}").write_bytes(bytes([number]) + seed)
    began = time.monotonic()

    def report() -> None:
        sys.stdout.write(
            f"{sum(tried.values())} inputs of {len(tried)} parsers in {time.monotonic() - began:.0f} s,"
            f" {len(faults)} faults\n"
        )
        for number, (where, raw) in enumerate(faults.items()):
            file = left / f"onhand-fault-{number}"
            file.write_bytes(raw)
            sys.stdout.write(f"  {where}\n    {file}\n")
        sys.stdout.flush()

    def until(raw: bytes) -> None:
        one(raw)
        if time.monotonic() - began > said.minutes * 60:
            report()
            for folder in (corpus, SCRATCH):
                shutil.rmtree(folder, ignore_errors=True)
            os._exit(1 if faults or len(tried) < len(PARSERS) else 0)

    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_len={LONGEST}",
            "-rss_limit_mb=4096",
            "-timeout=30",
            "-verbosity=0",
        ],
        until,
        custom_mutator=changed,
    )
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
