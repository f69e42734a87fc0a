"""The simulator itself: seeds that pass, and planted bugs that do not. `make simulate` runs ten thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIMULATE = Path(__file__).with_name("simulate.py")


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SIMULATE), *arguments], capture_output=True, text=True, check=False, timeout=200
    )


def test_given_seeds_of_a_world_that_loses_repeats_and_kills_then_every_number_is_right_in_the_end():
    done = simulated("--seeds", "200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("200 seeds, ")


def test_given_planted_bugs_then_every_one_is_found():
    done = simulated("--hunt", "--seeds", "1000")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert len(said) > 30
    assert all("caught after" in one for one in said[:-1])


def test_given_a_seed_that_fails_then_it_is_shrunk_and_the_printed_command_replays_it():
    done = simulated("--seeds", "5", "--mutant", "count-as-delta")
    assert done.returncode == 1
    replay = done.stdout.splitlines()[-1].partition("simulate.py ")[2].split()
    assert len(replay[replay.index("--only") + 1].split(",")) <= 2, "one count is enough"
    assert simulated(*replay).returncode == 1
