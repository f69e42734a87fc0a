"""A server that is started before any worker, on a broker that has nothing yet."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

CONFIG = """
data = "."
[serve]
port = 0
[locations.SOHO]
"""
LINES_MAX = 50
LOOKS_FOR = 3.0
CPU_MAX = 0.25
"""Of a core; an idle server takes a tenth of that."""


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        with error:
            return False


def cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.system
@pytest.mark.engines
def test_given_a_server_before_any_worker_then_it_makes_the_topics_is_ready_and_keeps_still(installation):
    installation.configure(CONFIG)
    url = installation.server()
    deadline = time.monotonic() + 30
    while not ready(url):
        assert time.monotonic() < deadline, installation.tail()
        time.sleep(0.1)
    pid = installation.processes["server"].pid
    before, began = cpu(pid), time.monotonic()
    time.sleep(LOOKS_FOR)
    used = (cpu(pid) - before) / (time.monotonic() - began)
    assert len((installation.data / "server.log").read_text().splitlines()) < LINES_MAX
    assert used < CPU_MAX
