"""How often a platform may be asked, by how many processes of ours."""

import itertools
import os
import signal
import subprocess
import sys
import time

import pytest

from connectors import pacing
from connectors.errors import SlowDown
from connectors.pacing import Limit, Pace


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [1_000.0]
    monkeypatch.setattr(pacing.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture(params=["alone", "shared"])
def folder(request, tmp_path):
    return None if request.param == "alone" else str(tmp_path / "pace")


def taken(pace, tries):
    """How many of so many calls may be made now."""
    return sum(pace.take() == 0 for _ in range(tries))


def minutely(folder, calls):
    return Pace(folder, limits=[Limit(calls, 60.0)])


def test_given_so_many_calls_a_minute_then_no_span_of_a_minute_has_more(clock, folder):
    pace, made = minutely(folder, 40), []
    for _ in range(400):
        clock[0] += 1.1
        made += [clock[0]] * taken(pace, 3)
    assert len(made) > 40 * 7, "nearly all that the platform allows is used"
    assert all(later - earlier > 60 for earlier, later in zip(made, made[40:], strict=False))


def test_given_calls_are_used_up_then_the_wait_is_until_the_oldest_does_not_count_any_more(clock, folder):
    pace = minutely(folder, 2)
    assert pace.take() == 0
    clock[0] += 20
    assert pace.take() == 0
    assert pace.take() == 41
    clock[0] += 41
    assert pace.take() == 0


def test_given_a_platform_asked_to_wait_then_nobody_asks_before(clock, folder):
    pace = Pace(folder)
    pace.rest(5)
    assert taken(pace, 3) == 0
    clock[0] += 5
    assert taken(pace, 3) == 3


def test_given_another_limit_is_told_then_it_counts_from_now_on(clock, folder):
    pace = minutely(folder, 40)
    assert taken(pace, 10) == 10
    pace.allow(Limit(12, 60.0))
    assert taken(pace, 10) == 2


def test_given_several_limits_then_each_is_kept(clock, folder):
    pace, made = Pace(folder, limits=[Limit(10, 60.0), Limit(1, 0.5)]), []
    for _ in range(1_000):
        clock[0] += 0.1
        made += [clock[0]] * taken(pace, 2)
    assert all(later - earlier > 0.5 for earlier, later in itertools.pairwise(made))
    assert all(later - earlier > 60 for earlier, later in zip(made, made[10:], strict=False))
    assert len(made) >= 20


async def test_given_a_turn_that_comes_soon_then_it_is_waited_for_and_another_is_told_how_long(folder):
    pace, began = Pace(folder, limits=[Limit(1, 0.2)]), time.monotonic()
    for _ in range(3):
        await pace.turn()
    assert time.monotonic() - began >= 0.4
    pace.rest(5)
    with pytest.raises(SlowDown) as told:
        await pace.turn()
    assert 4 < told.value.retry_after <= 5


class TestShared:
    def test_given_several_processes_then_together_they_ask_no_more_than_one_may(self, tmp_path):
        code = (
            "import sys\nfrom connectors.pacing import Limit, Pace\n"
            "pace = Pace(sys.argv[1], limits=[Limit(100, 60.0)])\n"
            "print(sum(pace.take() == 0 for _ in range(100)))\n"
        )
        asked = [
            subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
            for _ in range(3)
        ]
        assert sum(int(one.communicate()[0]) for one in asked) == 100

    def test_given_one_was_asked_to_wait_then_the_others_know(self, clock, tmp_path):
        first, second = Pace(str(tmp_path)), Pace(str(tmp_path))
        assert second.take() == 0
        first.rest(5)
        assert taken(second, 1) == 0

    def test_given_two_limits_of_an_account_then_they_are_apart(self, clock, tmp_path):
        Pace(str(tmp_path), "v1").rest(5)
        assert taken(Pace(str(tmp_path), "v2"), 1) == 1

    def test_given_the_machine_was_started_anew_then_what_was_noted_before_holds_nobody_up(
        self, clock, tmp_path
    ):
        pace = minutely(str(tmp_path), 1)
        assert pace.take() == 0
        pace.rest(3_600)
        clock[0] = 10.0
        assert taken(minutely(str(tmp_path), 1), 1) == 1

    def test_given_a_file_that_a_crash_cut_off_then_counting_begins_anew(self, tmp_path):
        (tmp_path / "all").write_bytes(b'{"calls":[1')
        assert taken(minutely(str(tmp_path), 2), 3) == 2
        assert taken(minutely(str(tmp_path), 2), 3) == 0

    def test_given_a_folder_that_cannot_be_used_then_each_goes_by_its_own_calls(self, tmp_path):
        (tmp_path / "file").write_text("")
        pace = minutely(str(tmp_path / "file"), 2)
        assert taken(pace, 3) == 2

    def test_given_a_process_is_stopped_while_it_holds_the_file_then_the_others_go_on(self, tmp_path):
        assert minutely(str(tmp_path), 2).take() == 0
        code = "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); time.sleep(60)"
        with subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "all")], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            os.kill(other.pid, signal.SIGSTOP)
            began = time.monotonic()
            assert taken(minutely(str(tmp_path), 2), 3) == 2
            assert time.monotonic() - began < 5
            other.kill()
