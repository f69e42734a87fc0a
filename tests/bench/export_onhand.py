"""One export, or one check of it, in a process of its own: prints seconds, those of the processor, and the most memory it held.

`export DSN FOLDER` or `check FOLDER`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from projections.audit.checking import check
from projections.audit.export import Bounds, export
from projections.audit.signing import Signer
from projections.pool import open_pool

KEY = Signer.read("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")


async def exporting(dsn: str, folder: Path) -> int:
    pool = await open_pool(dsn, 2)
    manifest = await export(pool, folder, Bounds(), [], signer=KEY, product="bench")
    await pool.close()
    return sum(its.rows or 0 for name, its in manifest.files.items() if name.startswith("movements-"))


def checking(folder: Path) -> int:
    report = check(folder, KEY.public)
    assert report.ok, report.problems
    return report.movements


def main(what: str, *arguments: str) -> None:
    began = time.perf_counter()
    if what == "export":
        movements = asyncio.run(exporting(arguments[0], Path(arguments[1])))
    else:
        movements = checking(Path(arguments[0]))
    seconds = time.perf_counter() - began
    cpu = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(
        json.dumps({"movements": movements, "seconds": seconds, "cpu": cpu, "memory_mb": memory}) + "\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
