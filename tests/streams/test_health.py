"""Whether a process says in time that it cannot do its work."""

from __future__ import annotations

import asyncio

import pytest

from streams.health import EVERY, NEVER, PATIENCE, STALE, Check, Health
from streams.watching import SAYS_EVERY, SILENT


async def well():
    return None


async def unwell():
    return "the disk is full"


async def broken():
    raise OSError("postgresql://onhand:secret@db/onhand")


async def hung():
    await asyncio.sleep(60)


def test_given_the_bounds_then_whatever_is_wrong_shows_within_five_seconds():
    assert EVERY + PATIENCE < STALE < 5
    assert SAYS_EVERY < SILENT < 5 - EVERY, "a worker that was stopped"


async def test_given_nobody_looked_yet_then_nothing_is_believed():
    found = Health("serve", [Check("kafka", well)]).readiness()
    assert found.reason == f"kafka: {NEVER}"


async def test_given_checks_then_each_says_why_and_only_what_is_needed_decides():
    health = Health(
        "serve", [Check("kafka", well), Check("disk", unwell), Check("workers", unwell, needed=False)]
    )
    await health.look()
    found = health.readiness()
    assert found.reason == "disk: the disk is full"
    assert found.told == {
        "kafka": {"ok": True, "needed": True, "reason": None},
        "disk": {"ok": False, "needed": True, "reason": "the disk is full"},
        "workers": {"ok": False, "needed": False, "reason": "the disk is full"},
    }
    values = {sample.labels: sample.value for sample in health.samples()}
    assert values == {("serve",): 0, ("serve", "kafka"): 1, ("serve", "disk"): 0, ("serve", "workers"): 0}


async def test_given_a_check_fails_then_its_reason_names_the_failure_and_not_what_its_text_may_hold():
    health = Health("serve", [Check("postgres", broken)])
    await health.look()
    assert health.readiness().reason == "postgres: OSError"


async def test_given_one_check_hangs_then_it_is_given_up_and_the_others_are_known(monkeypatch):
    monkeypatch.setattr("streams.health.PATIENCE", 0.05)
    health = Health("serve", [Check("kafka", hung), Check("postgres", well)])
    await asyncio.wait_for(health.look(), 2)
    assert health.readiness().checks == {"kafka": "no answer within 0.05 s", "postgres": None}


@pytest.mark.parametrize(("later", "ready"), [(STALE - 0.1, True), (STALE + 0.1, False)])
async def test_given_nobody_looks_any_more_then_what_was_found_is_not_believed_for_long(later, ready):
    now = [100.0]
    health = Health("serve", [Check("kafka", well)], clock=lambda: now[0])
    await health.look()
    now[0] += later
    assert (health.readiness().reason is None) is ready
