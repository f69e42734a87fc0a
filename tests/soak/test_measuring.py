"""What a soak calls growth."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from measuring import Sample, at, broken, drift, percent_a_minute  # found by the line above

CHANCE = random.Random(1)


def held(a_minute: float = 0.0, descriptors: int = 0, *, noise: float = 2e6, spikes: int = 0) -> list[Sample]:
    """Ten minutes of a process of 500 MB that grows by so many bytes a minute, and by so many descriptors in all."""
    made = []
    for number in range(120):
        minutes = number / 12
        memory = 500e6 + a_minute * minutes + CHANCE.uniform(-noise, noise)
        memory += 200e6 * (spikes > 0 and number % (120 // spikes) == 7)
        made.append(Sample(minutes * 60, int(memory), 40 + round(descriptors * number / 119)))
    return made


def verdict(samples: list[Sample], *, lags=(0.1,) * 100, statuses=None, verified=True) -> list[str]:
    return broken({"worker": samples}, lags, statuses or {200: 9}, verified)


def test_given_memory_that_goes_up_and_down_then_it_does_not_grow_whatever_its_spikes():
    assert verdict(held()) == []
    assert abs(percent_a_minute(held(spikes=10))) < 0.1


@pytest.mark.parametrize("percent", [1.1, 2])
def test_given_memory_that_grows_by_more_than_a_percent_a_minute_then_it_is_said(percent):
    grown = held(5e6 * percent)
    assert percent_a_minute(grown) == pytest.approx(percent, rel=0.1)
    assert verdict(grown)[0].startswith("worker: memory grows by")
    assert broken({"worker": grown}, [0.1], {200: 9}, True, warm=False) == []


def test_given_descriptors_that_are_not_closed_then_it_is_said_and_two_are_nothing():
    assert drift(held(descriptors=12)) == pytest.approx(8, abs=1)
    assert verdict(held(descriptors=2)) == []
    assert "descriptors" in verdict(held(descriptors=12))[0]
    assert verdict(held(descriptors=-12)) == [], "given back"


def test_given_what_comes_late_or_is_refused_or_wrong_then_each_is_said():
    assert at([0.1] * 98 + [3.0] * 2, 99) == 3.0
    assert verdict(held(), lags=[0.1] * 98 + [3.0] * 2) == ["lag p99 is 3.00 s"]
    assert verdict(held(), lags=[]) == ["lag p99 is inf s"]
    assert verdict(held(), statuses={200: 5, 503: 1}) == ["not accepted: {503: 1}"]
    assert verdict(held(), verified=False) == ["verify found differences"]
