"""What an installation holds that has nothing to do, and how soon it is there: `make bench-idle`.

The example (`deploy/example`) as it stands, with embedded engines: `onhand up` starts Kafka, PostgreSQL, two sandboxes, a worker and the
server. It is started, given its opening stock, stopped, and started again; the second start is measured, from the command to the first
`/readyz` that says 200. Then it idles, and the memory of all its processes is added up: proportional (PSS), so that what they share
counts once. Promised at `ONHAND_SECONDS` of 20 or more; shorter, the figures are said and promise nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from footprint import command, cpu, descendants, proportional
from rich.console import Console
from rich.table import Table

from deploy.engines import remove
from deploy.kafka import version
from deploy.processes import free_port

SECONDS, WHOLE = float(os.environ.get("ONHAND_SECONDS", "20")), 20.0
MOST_MEGABYTES, MOST_SECONDS, WITHIN = 900.0, 15.0, 120.0
ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "Kafka": r"kafka\.Kafka|server\.properties",
    "PostgreSQL": r"postgres",
    "onhand worker": r"streams\.cli worker",
    "onhand serve": r"streams\.cli serve",
    "onhand up, with both sandboxes": r"streams\.cli up",
}
"""The processes by their command lines; the first that fits. A guardian has its engine's command in its own."""


class Idle:
    """The example under `onhand up`, with ports of its own."""

    def __init__(self, data: Path) -> None:
        self.config = data / "onhand.toml"
        shutil.copytree(ROOT / "deploy" / "example", data, dirs_exist_ok=True)
        ports = {port: str(free_port()) for port in ("8765", "8801", "8802")}
        text = re.sub(r"\b(8765|8801|8802)\b", lambda port: ports[port[0]], self.config.read_text())
        self.config.write_text(text)
        self.url = f"http://127.0.0.1:{ports['8765']}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Starts it. Seconds from the command to the first 200 of `/readyz`."""
        began = time.monotonic()
        with (self.config.parent / "up.log").open("ab") as said:
            command = [sys.executable, "-m", "streams.cli", "up", "--config", str(self.config)]
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=said)
        while not self.ready():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() - began < WITHIN, self.said()
            time.sleep(0.02)
        return time.monotonic() - began

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def run(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "streams.cli", *arguments, "--config", str(self.config)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def said(self) -> str:
        return (self.config.parent / "up.log").read_text(errors="replace")[-2_000:]


@pytest.fixture
def up() -> Iterator[Idle]:
    data = Path(tempfile.mkdtemp(prefix="onhand-idle-"))
    data.chmod(0o755)
    idle = Idle(data)
    try:
        yield idle
    finally:
        idle.stop()
        remove(data / ".onhand" / "engines")
        shutil.rmtree(data, ignore_errors=True)


def part_of(pid: int) -> str:
    line = command(pid)
    if "guardian.py" in line:
        return "guardians"
    return next((part for part, words in PARTS.items() if re.search(words, line)), "others")


def test_an_installation_that_idles(up):
    first = up.start()
    up.run("import", "tills")
    up.stop()
    again = up.start()
    assert up.process is not None
    time.sleep(SECONDS / 2)
    before = {pid: cpu(pid) for pid in descendants(up.process.pid)}
    time.sleep(SECONDS / 2)
    held: dict[str, Counter[str]] = {}
    for pid in descendants(up.process.pid):
        pss, rss = proportional(pid)
        used = cpu(pid) - before.get(pid, 0.0)
        held.setdefault(part_of(pid), Counter()).update({"n": 1, "pss": pss, "rss": rss, "cpu": used})
    up.run("verify")
    megabytes = sum(part["pss"] for part in held.values()) / 2**20
    show(held, megabytes, first, again)
    assert {"Kafka", "PostgreSQL", "onhand worker", "onhand serve"} <= held.keys()
    if SECONDS >= WHOLE:
        assert megabytes <= MOST_MEGABYTES
        assert again <= MOST_SECONDS


def show(held: dict[str, Counter[str]], megabytes: float, first: float, again: float) -> None:
    table = Table(
        title=f"an idle installation after {SECONDS:g} s; Kafka {version()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        caption="PSS: memory that processes share is divided among them; RSS counts it in each; CPU: of one core, in the second half",
    )
    for name in ("part", "processes", "PSS MB", "RSS MB", "CPU %"):
        table.add_column(name, justify="left" if name == "part" else "right")
    whole: Counter[str] = Counter()
    for part in held.values():
        whole.update(part)
    for name, part in [*sorted(held.items(), key=lambda one: -one[1]["pss"]), ("all", whole)]:
        mb = (f"{part[kind] / 2**20:,.0f}" for kind in ("pss", "rss"))
        table.add_row(name, str(part["n"]), *mb, f"{part['cpu'] / (SECONDS / 2) * 100:.1f}")
    console = Console(width=120)
    console.print(table)
    limits = (megabytes, MOST_MEGABYTES, "MB"), (again, MOST_SECONDS, "s until /readyz, warm")
    for value, most, what in limits:
        verdict = "reached" if value <= most else "not reached"
        console.print(f"{value:,.1f} {what}, at most {most:g}: {verdict}", highlight=False)
    console.print(f"the first start, on an empty folder: {first:.1f} s", highlight=False)
