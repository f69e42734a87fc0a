"""Disks that are full for a while, under load: nothing that was acknowledged is lost, the hub says that it is not ready, and when there
is room again it goes on by itself. File systems of their own that are filled to the last byte; who may not mount any skips this.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import psycopg
import pytest

from deploy.engines import Running
from schemas.topics import CLAIMS
from streams.reader import Reader

MEGABYTES = 384
"""Of a file system. What an engine keeps at its start is a third of that."""

UNREADY_WITHIN, READY_WITHIN, FULL_FOR = 5.0, 60.0, 8.0
LONG = 35.0
"""Longer than anybody waits for the log (30 s)."""

PACE, ENOUGH = 0.04, 100
"""Seconds between two webhooks, and how many of them are acknowledged before anything happens."""


@contextmanager
def disk_at(path: Path) -> Iterator[Path]:
    """A small file system at a path: ext4 on a loop device, else tmpfs. Gives a file that fills it."""
    image = Path(tempfile.mkstemp(prefix="onhand-disk-")[1])
    with image.open("wb") as made:
        made.truncate(MEGABYTES << 20)
    path.mkdir(parents=True)
    ext4 = ["mkfs.ext4", "-q", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(path)]
    memory = (["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(path)],)
    try:
        if not any(
            all(subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in way)
            for way in (ext4, memory)
        ):
            pytest.skip("no file system can be mounted here")
        shutil.rmtree(path / "lost+found", ignore_errors=True)  # Kafka takes every folder for a partition
        yield path / ".filler"
    finally:
        subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)
        image.unlink()


def fill(file: Path) -> None:
    """Writes until not a byte is left."""
    with file.open("ab", buffering=0) as out:
        for size in (1 << 20, 4_096, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


class Load:
    """A shop that sells all the time, and what it was answered."""

    def __init__(self, up) -> None:
        self.up = up
        self.statuses: Counter[int] = Counter()
        self.acknowledged: set[str] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._sell)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._closing.set()
        self._thread.join()

    def _sell(self) -> None:
        document = json.loads((self.up.config.parent / "order.json").read_text())
        number = 100_000
        while not self._closing.wait(PACE):
            number += 1
            document |= {"id": number, "name": f"#{number}"}
            document["line_items"][0] |= {"id": number * 10, "sku": "MUG-WHITE", "quantity": 1}
            try:
                status = self.up.webhook(document)
            except (urllib.error.URLError, OSError):
                status = 0
            self.statuses[status] += 1
            if status == 200:
                self.acknowledged.add(f"order/web/{number}")


@contextmanager
def installation(system_up, store: str, disks: dict[str, str], database: str) -> Iterator[tuple]:
    """`onhand up` with its opening stock; of its folders those in `disks` are small ones. `database` is PostgreSQL's: it runs as
    another user, and is told by a file where its data are. Gives a file for each disk that fills it.
    """
    data = Path(tempfile.mkdtemp(prefix="onhand-full-"))
    data.chmod(0o755)
    engines = data / "hub" / ".onhand" / "engines"
    with ExitStack() as stack:
        fillers = {name: stack.enter_context(disk_at(data / folder)) for name, folder in disks.items()}
        for folder in (engines, (data / database).parent):
            folder.mkdir(parents=True, exist_ok=True)
        (engines / "postgres.path").write_text(f"{data / database}\n")
        up = system_up(
            data / "hub", lambda text: text.replace("[worker]\n", f'[worker]\nstore = "{store}"\n')
        )
        up.start()
        stack.callback(up.stop)
        up.run("import", "tills")
        yield up, fillers


def ready(up) -> tuple[int, str]:
    try:
        status, _, body = up.ask("GET", f"{up.url}/readyz")
    except (urllib.error.URLError, OSError) as error:
        return 0, str(error)
    return status, body.get("detail", "")


def full_for_a_while(
    up, filler: Path, load: Load, lasts: float = FULL_FOR, meanwhile: Callable[[], None] = lambda: None
) -> str:
    """Fills a disk, for as long as it takes an engine to notice and more; gives it free, and waits until the hub is ready. Why it was
    not.
    """
    up.until(lambda: load.statuses[200] > ENOUGH, 60)
    fill(filler)
    began, why = time.monotonic(), ""
    while time.monotonic() - began < lasts:
        status, said = ready(up)
        assert status != 0, said
        if status == 503 and not why:
            why = said
            assert time.monotonic() - began < UNREADY_WITHIN
        assert status == 503 or not why, "ready, though nothing can be kept"
        fill(filler)
        meanwhile()
        time.sleep(0.2)
    assert why, "it says that it is ready all the time"
    filler.unlink()
    up.until(lambda: ready(up)[0] == 200, READY_WITHIN)
    accepted = load.statuses[200]
    up.until(lambda: load.statuses[200] > accepted + 20, 20)
    assert set(load.statuses) <= {200, 503}, load.statuses
    return why


def next_journal(up) -> None:
    """Has PostgreSQL begin the next file of its journal (WAL), as after a while of writing: where there is no room for one, it ends."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(engines_of(up).dsn, connect_timeout=2) as there:
        there.execute("SELECT pg_switch_wal()")


def engines_of(up) -> Running:
    """Where they were started; whether they run is the question."""
    return Running(**json.loads((up.config.parent / ".onhand" / "engines" / "engines.json").read_text()))


async def in_the_log(up) -> set[str]:
    """The deals of which the log has claims."""
    reader, deals = Reader(engines_of(up).bootstrap), set()
    await reader.start()
    try:
        for partition, end in (await reader.ends(CLAIMS.name, range(4))).items():
            start = (await reader.begins(CLAIMS.name, [partition]))[partition]
            async for records in reader.read(CLAIMS.name, partition, start, end):
                deals |= {record.key.decode() for record in records}
    finally:
        await reader.stop()
    return deals


def right_in_the_end(up, load: Load) -> None:
    assert load.acknowledged - asyncio.run(in_the_log(up)) == set(), "acknowledged, and lost"
    verdict = up.run("verify", "--wait", "60")
    assert verdict["ok"], verdict["differences"][:3]


WORST = {"broker": (LONG, lambda _: None), "postgres": (FULL_FOR, next_journal)}
"""What makes it worse, by the disk that is full: it lasts longer than anybody waits; the server ends."""


@pytest.mark.system
@pytest.mark.engines
@pytest.mark.timeout(600)
def test_given_the_disk_of_broker_then_database_then_state_is_full_and_an_engine_dies_then_nothing_is_lost_and_all_goes_on(
    system_up,
):
    apart = {"broker": "hub/.onhand/engines/log", "postgres": "postgres", "state": "hub/.onhand/faust"}
    with (
        installation(system_up, "rocksdict", apart, "postgres/home") as (up, disks),
        Load(up) as load,
    ):
        for name, file in disks.items():
            lasts, meanwhile = WORST.get(name, (FULL_FOR, lambda _: None))
            why = full_for_a_while(up, file, load, lasts, partial(meanwhile, up))
            assert f"MB are free in {file.parent}" in why, name
            if name == "broker":
                assert load.statuses[503] > 0, "what could not be kept was acknowledged"
                assert "kafka is not started" in (up.config.parent / "up.log").read_text()
        os.kill(engines_of(up).pids["postgres"], signal.SIGKILL)
        up.until(lambda: ready(up)[0] == 503, UNREADY_WITHIN)
        up.until(lambda: ready(up)[0] == 200, READY_WITHIN)
        load.stop()
        right_in_the_end(up, load)


@pytest.mark.system
@pytest.mark.engines
@pytest.mark.timeout(600)
def test_given_all_is_on_one_disk_that_is_full_then_nothing_acknowledged_is_lost_and_all_goes_on(system_up):
    with (
        installation(system_up, "memory", {"all": "hub"}, "hub/postgres/home") as (up, disks),
        Load(up) as load,
    ):
        why = full_for_a_while(up, disks["all"], load)
        assert "MB are free in" in why
        load.stop()
        right_in_the_end(up, load)
