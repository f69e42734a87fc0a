"""What is read of the log without decoding it is what decoding says, and adds up to what the ledger holds."""

from __future__ import annotations

import gc
import json
import weakref
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import State
from schemas.codec import Undecodable, decode, encode
from schemas.counts import micros
from schemas.granting import step
from schemas.happened import History, Move
from schemas.histories import LAYOUT, Histories, instant_of
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.postings import Kind, Leg

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("movement.v1.*.json"))


def read(values, until=None):
    """The histories of what stands in the log as bytes."""
    histories = Histories(until)
    histories.take(values)
    return histories


def added(movements):
    """The same, of movements."""
    found: dict[str, History] = {}
    for movement in movements:
        found.setdefault(movement.sku, History()).add(movement)
    return found


def logs(found):
    return {sku: (history.log, history.asking) for sku, history in found.items() if history.log}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_given_a_movement_that_was_ever_written_then_its_bytes_say_what_it_says(path):
    movement = decode(Movement, path.read_bytes())
    assert logs(read([encode(movement)]).of) == logs(added([movement]))


def test_given_the_hub_s_own_writing_then_it_is_read_at_once_and_anyone_else_s_as_well():
    movement = decode(Movement, EXAMPLES[0].read_bytes())
    said = json.loads(encode(movement))
    others = [
        json.dumps(said).encode(),
        json.dumps(dict(reversed(said.items()))).encode(),
        encode(movement).replace(movement.channel.encode(), movement.channel.encode()[:-1] + b"\\u0041"),
    ]
    assert LAYOUT.fullmatch(encode(movement))
    assert not any(LAYOUT.fullmatch(value) for value in others[:2])
    assert [log for value in others for log in read([value]).of[movement.sku].log][:2] == 2 * added(
        [movement]
    )[movement.sku].log
    assert read(others[2:]).of[movement.sku].log[0][3] == movement.channel[:-1] + "A"


@pytest.mark.parametrize(
    "written", ["1772460202", "2026-03-02 14:03:22+00:00", "2026-03-02T14:03:22.000000Z"]
)
def test_given_an_instant_in_another_writing_then_it_is_the_same(written):
    movement = decode(Movement, EXAMPLES[0].read_bytes())
    text = json.loads(encode(movement))["occurred_at"].encode()
    value = encode(movement).replace(b'"occurred_at":"' + text, b'"occurred_at":"' + written.encode())
    assert logs(read([encode(movement), value]).of) == logs(added([movement, decode(Movement, value)]))


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"id":"1-1-0","kind":"Nothing"}', b"\xff"])
def test_given_what_is_no_movement_then_it_is_refused(value):
    with pytest.raises(Undecodable):
        read([value])


def test_given_an_instant_that_is_none_then_it_is_refused_though_all_else_is_as_it_was():
    value = encode(decode(Movement, EXAMPLES[0].read_bytes()))
    text = json.loads(value)["recorded_at"].encode()
    for wrong in (b"soon", b"2026-03-02T14:03:22"):
        with pytest.raises(Undecodable):
            read([value, value.replace(b'"recorded_at":"' + text, b'"recorded_at":"' + wrong)])


@pytest.mark.parametrize("name", ["sku", "channel", "transaction"])
def test_given_a_text_that_is_none_then_its_movement_is_refused_and_leaves_nothing(name):
    value = encode(decode(Movement, next(p for p in EXAMPLES if "order-placed" in p.stem).read_bytes()))
    wrong = value.replace(b'"%s":"' % name.encode(), b'"%s":"\xff' % name.encode())
    histories = Histories()
    with pytest.raises(Undecodable):
        histories.take([value, wrong])
    assert histories.seen == len(histories.of) == 1


def test_given_nobody_who_collects_garbage_then_histories_are_gone_with_whoever_had_them():
    gc.disable()
    try:
        histories = read([encode(decode(Movement, path.read_bytes())) for path in EXAMPLES])
        left = weakref.ref(histories)
        assert [history.log for history in histories.of.values()]
        del histories
        assert left() is None
    finally:
        gc.enable()


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_any_movement_then_its_bytes_say_what_it_says(data, any_value):
    movement = data.draw(any_value(Movement))
    assert logs(read([encode(movement)]).of) == logs(added([movement]))


@pytest.mark.law("L4")
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_any_log_then_what_is_read_adds_up_to_the_ledger_s_stock(data, log):
    stocks, written = ledger(log.post(data.draw(log.news), data.draw(log.authorities)))
    found = read([*map(encode, written), *map(encode, written)]).of  # whatever is there twice counts once
    for sku, stock in stocks.items():
        replayed = found[sku].stock(sku) if sku in found else Stock(sku=sku)
        assert replayed.locations == stock.locations
        assert replayed.tracked.keys() == stock.tracked.keys()


def ledger(movements):
    """The stocks, and the log with what the ledger itself posts."""
    stocks, written = {}, []
    for offset, movement in enumerate(movements):
        taken = step(stocks.get(movement.sku, Stock(sku=movement.sku)), movement, offset)
        stocks[movement.sku] = taken.stock
        written += [movement, *taken.posted]
    return stocks, written


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_given_an_instant_then_nothing_recorded_later_is_read(data, log):
    movements = log.post(data.draw(log.news))
    recorded = micros(movements[0].recorded_at) if movements else 0
    values = [encode(movement) for movement in movements]
    assert read(values, recorded - 1).of == {}
    assert logs(read(values, recorded).of) == logs(read(values).of)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T14:03:22Z",
        "2026-03-02T14:03:22.047000Z",
        "2026-03-02T14:03:22.5Z",
        "2026-03-02T14:03:22+02:00",
        "1971-01-01T00:00:00.000001Z",
    ],
)
def test_given_an_instant_as_text_then_it_is_the_one_that_it_names(text):
    assert instant_of(text.encode()) == micros(datetime.fromisoformat(text))


def test_given_two_movements_at_a_place_then_they_name_one_cell_whoever_made_them():
    states = (State.IN_TRANSIT, "in_transit")
    moves = [
        Move.of(Kind.TRANSFER_SHIPPED, None, (Leg("transit:1", state, units), Leg("A", "available", -units)))
        for units, state in enumerate(states, 1)
    ]
    first, second = ([cell for cell, _ in move.legs] for move in moves)
    assert first == second == [("transit:1", "in_transit"), ("A", "available")]
    assert all(one is other for one, other in zip(first, second, strict=True))
