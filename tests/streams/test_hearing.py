"""A platform's webhook may leave out what only a poll tells: who decides by an order waits for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from streams.intake import COMES_THROUGH, UNHEARD_MAX, Intake

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Waiting:
    """An intake whose clock is set; the channel `web` is polled, `hand` is not."""

    def __init__(self):
        channels = {"web": SimpleNamespace(poll_every=60.0), "hand": SimpleNamespace(poll_every=0.0)}
        self.now = NOON
        self.intake = Intake(
            connectors={},
            secrets={},
            directories=SimpleNamespace(settings=SimpleNamespace(channels=channels)),
            writer=None,
            naming=None,
            clock=lambda: self.now,
        )

    def heard(self, seconds, channel="web"):
        self.now = NOON + seconds * SECOND
        return self.intake.heard(channel, NOON)

    @property
    def asked(self):
        return self.intake.wakes["web"].is_set()


@pytest.mark.parametrize("began", [None, -5, 0], ids=["never", "before", "at that instant"])
def test_given_no_poll_that_began_later_then_it_is_waited_for_and_asked_for(began):
    waiting = Waiting()
    if began is not None:
        waiting.intake.polls["web"].append((NOON + began * SECOND, NOON + 10 * SECOND))
    assert not waiting.heard(20)
    assert waiting.asked


def test_given_polls_since_then_it_is_heard_when_what_the_first_brought_has_come_through():
    waiting, through = Waiting(), COMES_THROUGH / SECOND
    for began in range(1, 200):  # one after the other, for ever
        waiting.intake.polls["web"].append((NOON + began * SECOND / 2, NOON + (began + 1) * SECOND / 2))
        assert waiting.heard((began + 1) / 2) == ((began + 1) / 2 >= 1 + through)
    assert not waiting.asked


def test_given_polls_that_fail_then_it_is_waited_a_minute_and_no_longer():
    waiting, most = Waiting(), UNHEARD_MAX / SECOND
    assert not waiting.heard(most - 1)
    assert waiting.heard(most)


@pytest.mark.parametrize("channel", ["hand", "api"])
def test_given_a_channel_that_nobody_polls_then_there_is_nothing_to_wait_for(channel):
    assert Waiting().heard(0, channel)
