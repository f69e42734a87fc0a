"""The demo's day: real baskets, the same day for the same seed, and opening stock that is enough for it."""

from __future__ import annotations

from collections import Counter

from streams.trading import plan, read


def test_given_the_real_sales_then_the_day_has_so_many_documents_and_nothing_sells_out():
    baskets, untracked, unlisted = read(400)
    day = plan(baskets, untracked, unlisted, 400)
    assert day == plan(baskets, untracked, unlisted, 400)
    kinds = Counter(event.kind for event in day.events)
    assert len(day.events) == 400
    assert kinds["sale"] > 250
    assert kinds["order"] > 20
    left = dict(day.opening)
    for event in day.events:
        for sku, units in event.lines:
            if event.kind in {"sale", "fulfil"} and (sku, event.store) in left:
                left[sku, event.store] -= units
    assert min(left.values()) > 0


def test_given_dirty_data_then_it_is_played_and_not_cleaned_away():
    baskets, untracked, unlisted = read(3_000)
    units = [units for basket in baskets for _, units in basket.lines]
    assert 0 in units
    assert untracked
    assert unlisted
