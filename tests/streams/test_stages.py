"""What the agents fold, without an agent: a repeat makes the same records, and nothing is passed over."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.accounts import State
from schemas.availability import ChannelQuantity, quantity
from schemas.claims import Claim, DeadLetter, Document, Fact, Line
from schemas.closing import closing, replayed
from schemas.codec import PLACE_KEEPER, decode, encode
from schemas.granting import asking, step
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.oversells import Oversell, OversellCause, oversells
from schemas.postings import Kind
from schemas.reservations import Ask, Request, Wanted
from schemas.rules import ChannelRules, Rules
from schemas.topics import BUNDLE_PARTS, CHANNEL_QUANTITIES, CLAIMS, DEAD_LETTERS, MOVEMENTS, OVERSELLS
from schemas.witnesses import NOBODY
from streams.stages import Naming, bundle_stage, ledger_stage, settle_stage

NAMING = Naming("p.")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOST = 3
"""Cells made in one go: so few that what is made is made in several."""
RULES = Rules(version="r1", channels={"web": ChannelRules(), "tills": ChannelRules(publish="locations")})


def folded_by(stage, table, records, again=False, slices=1):
    """What some records make, taken so many at once."""
    folding = stage(0, table.get, again)
    for start in range(0, len(records), max(1, len(records) // slices)):
        folding.take(records[start : start + max(1, len(records) // slices)])
    while (folded := folding.made(MOST)) is None:
        pass
    return folded


def fold(stage, records, table=None):
    """Folds one chunk over a table, and puts what it made into the table."""
    table = {} if table is None else table
    folded = folded_by(stage, table, records)
    table.update({key: cell for key, (cell, _, _) in folded.cells.items()})
    return folded, table


def written(folded, topic, kind):
    return [decode(kind, out.value) for out in folded.outputs if out.topic == NAMING(topic)]


def movements_of(claims, recorded):
    folded, _ = fold(settle_stage(NAMING, NOBODY), [recorded(claim) for claim in claims])
    return [out for out in folded.outputs if out.topic == NAMING(MOVEMENTS)]


def test_given_a_claim_again_then_it_is_used_once_and_posts_once(claim, recorded):
    stage, sale = settle_stage(NAMING, NOBODY), claim("sale/1", (Fact.SOLD, "MUG", 2, "SOHO"))
    folded, table = fold(stage, [recorded(sale), recorded(sale)])
    assert (folded.used, folded.unused, folded.dead) == (1, 1, 0)
    assert [m.quantity for m in written(folded, MOVEMENTS, Movement)] == [2]
    again, _ = fold(stage, [recorded(sale)], table)
    assert (again.outputs, again.unused) == ([], 1)


def test_given_a_crash_between_outputs_and_state_then_the_repeat_makes_the_same_bytes(claim, recorded):
    records = [
        recorded(claim("order/1", (Fact.ORDERED, "MUG", 3, None), channel="web")),
        recorded(
            claim("order/1", (Fact.ORDERED, "MUG", 3, None), (Fact.SHIPPED, "MUG", 1, "SOHO"), version=2)
        ),
    ]
    stage = settle_stage(NAMING, NOBODY)
    whole, _ = fold(stage, records)
    first, table = fold(stage, records[:1])
    second, _ = fold(stage, records[1:], table)
    assert whole.outputs == [*first.outputs, *second.outputs]


def test_given_bytes_that_are_no_claim_then_a_dead_letter_says_so_and_the_next_claim_counts(
    claim, record, recorded
):
    bad = record(b"k", b'{"transaction": "secret-name"}')
    folded, _ = fold(
        settle_stage(NAMING, NOBODY), [bad, recorded(claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO")))]
    )
    (letter,) = written(folded, DEAD_LETTERS, DeadLetter)
    assert (letter.stage, letter.ref, folded.dead, folded.used) == ("settle", "topic/0/0", 1, 1)
    assert "secret-name" not in letter.reason


def test_given_news_of_a_closed_deal_then_a_dead_letter_keeps_it_and_names_the_record_that_closed_it(
    claim, recorded
):
    stage, sale = settle_stage(NAMING, NOBODY), claim("sale/1", (Fact.SOLD, "MUG", 2, "SOHO"))
    _, table = fold(stage, [recorded(sale)])
    closed_by = closing(table[b"sale/1"].state, "sale/1", NOW)
    _, table = fold(stage, [recorded(closed_by)], table)
    before = dict(table)
    news = claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO"), version=2)
    late, again = recorded(news), recorded(sale)
    folded, table = fold(stage, [late, again], table)
    (letter,) = written(folded, DEAD_LETTERS, DeadLetter)
    assert (letter.channel, letter.stage, letter.ref) == ("tills", "settle", "topic/0/2")
    assert letter.reason == "the transaction was closed on 2026-11-20; retry reopens it"
    assert letter.payload["closed"] == {"partition": 0, "offset": 1}
    assert (folded.used, folded.unused, folded.dead) == (0, 2, 0), "an old document is nobody's fault"
    crashed, _ = fold(stage, [late, again], before)
    assert crashed.outputs == folded.outputs
    retried = [recorded(told) for told in replayed(letter.payload, closed_by)]
    folded, _ = fold(stage, retried, table)
    assert [(m.kind, m.quantity) for m in written(folded, MOVEMENTS, Movement)] == [(Kind.MOVEMENT_VOIDED, 1)]


def test_given_a_movement_then_only_channels_whose_number_changed_are_told(claim, record, recorded):
    stage = ledger_stage(NAMING, RULES)
    opening = movements_of([claim("opening/1", (Fact.OPENED, "MUG", 5, "SOHO"))], recorded)
    folded, table = fold(stage, [record(out.key, out.value) for out in opening])
    assert {q.channel: q.quantity for q in written(folded, CHANNEL_QUANTITIES, ChannelQuantity)} == {
        "web": 5,
        "tills": 5,
    }
    order = movements_of([claim("order/1", (Fact.ORDERED, "MUG", 2, None), channel="web")], recorded)
    folded, _ = fold(stage, [record(out.key, out.value) for out in order], table)
    assert {q.channel: q.quantity for q in written(folded, CHANNEL_QUANTITIES, ChannelQuantity)} == {"web": 3}


def test_given_more_skus_than_are_made_in_one_go_then_others_get_their_turn_in_between(
    claim, record, recorded
):
    sales = [
        claim(f"sale/{sku}", (Fact.SOLD, sku, 1, "SOHO")) for sku in ("BOWL", "CUP", "MUG", "PLATE", "POT")
    ]
    folding = ledger_stage(NAMING, RULES)(0, {}.get, False)
    folding.take([record(out.key, out.value) for out in movements_of(sales, recorded)])
    first, second, made = (folding.made(2) for _ in range(3))
    assert first is second is None
    assert sorted(made.cells) == [b"BOWL", b"CUP", b"MUG", b"PLATE", b"POT"]


def test_given_a_sku_that_was_never_counted_anywhere_then_no_channel_is_told_a_number(
    claim, record, recorded
):
    sale = movements_of([claim("sale/1", (Fact.SOLD, "MUG", 2, "SOHO"))], recorded)
    folded, table = fold(ledger_stage(NAMING, RULES), [record(out.key, out.value) for out in sale])
    assert written(folded, CHANNEL_QUANTITIES, ChannelQuantity) == []
    assert table[b"MUG"].state.balance("SOHO") == -2


def test_given_the_only_opening_of_a_sku_is_voided_then_its_channels_are_told_that_there_is_nothing_left(
    claim, record, recorded
):
    stage = ledger_stage(NAMING, RULES)
    opening = movements_of([claim("opening/1", (Fact.OPENED, "MUG", 5, "SOHO"))], recorded)
    void = movements_of(
        [claim("opening/1", (Fact.OPENED, "MUG", 5, "SOHO")), claim("opening/1", version=2)], recorded
    )[len(opening) :]
    folded, table = fold(stage, [record(out.key, out.value) for out in opening])
    folded, table = fold(stage, [record(out.key, out.value) for out in void], table)
    told = {q.channel: (q.quantity, q.places) for q in written(folded, CHANNEL_QUANTITIES, ChannelQuantity)}
    assert told == {"web": (0, {}), "tills": (0, {})}
    sale = movements_of([claim("sale/1", (Fact.SOLD, "MUG", 2, "SOHO"))], recorded)
    folded, _ = fold(stage, [record(out.key, out.value) for out in sale], table)
    assert written(folded, CHANNEL_QUANTITIES, ChannelQuantity) == [], "they have been told"


def test_given_a_repeated_movement_then_nothing_is_written(claim, record, recorded):
    stage = ledger_stage(NAMING, RULES)
    (out,) = movements_of([claim("opening/1", (Fact.OPENED, "MUG", 5, "SOHO"))], recorded)
    _, table = fold(stage, [record(out.key, out.value)])
    again, _ = fold(stage, [record(out.key, out.value)], table)
    assert (again.unused, again.outputs, again.cells) == (1, [], {})


def test_given_others_may_have_folded_the_chunk_then_its_numbers_are_written_though_they_are_as_before(
    claim, record, recorded
):
    """A worker that died in a shorter chunk may have published a number from the middle of this one."""
    stage, table = ledger_stage(NAMING, RULES), {}
    fold(
        stage,
        [
            record(o.key, o.value)
            for o in movements_of([claim("opening/1", (Fact.OPENED, "MUG", 5, "SOHO"))], recorded)
        ],
        table,
    )
    sale, void = (
        claim("sale/1", (Fact.SOLD, "MUG", 5, "SOHO")),
        claim("sale/2", (Fact.ADJUSTED_UP, "MUG", 5, "SOHO")),
    )
    both = [record(o.key, o.value) for o in movements_of([sale, void], recorded)]
    assert written(folded_by(stage, table, both), CHANNEL_QUANTITIES, ChannelQuantity) == []
    numbers = written(folded_by(stage, table, both, again=True), CHANNEL_QUANTITIES, ChannelQuantity)
    assert [(number.channel, number.quantity) for number in numbers] == [("web", 5), ("tills", 5)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sales=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3), st.sampled_from(["A", "B"])), max_size=25),
    cuts=st.lists(st.integers(0, 25), max_size=5),
    repeats=st.lists(st.integers(0, 25), max_size=5),
)
def test_given_any_chunks_and_any_repeats_then_the_stock_is_the_same(
    claim, record, recorded, sales, cuts, repeats
):
    claims = [claim(f"sale/{n}", (Fact.SOLD, "MUG", units, where)) for n, units, where in sales]
    outs = movements_of(claims, recorded)
    records = [record(out.key, out.value, offset=offset) for offset, out in enumerate(outs)]
    stage = ledger_stage(NAMING, RULES)
    _, whole = fold(stage, records) if records else (None, {})
    table: dict = {}
    edges = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    for start, end in itertools.pairwise(edges):
        fold(stage, records[start:end], table)
        for at in repeats:
            if at < end:
                fold(stage, records[at:end], table)
    assert {key: cell.state for key, cell in table.items()} == {
        key: cell.state for key, cell in whole.items()
    }


def test_given_news_of_before_a_count_that_lays_nothing_on_the_shelf_then_what_the_count_takes_off_is_oversold(
    claim, record, recorded
):
    """The delivery itself takes nothing: what was counted held those units already, and they are not for sale."""
    line = Line(fact=Fact.RECEIVED, sku="MUG", quantity=3, at=NOW, location="A", state=State.QUALITY_CONTROL)
    late = replace(line, at=NOW - timedelta(hours=1))
    told = [
        claim("count/1", (Fact.COUNTED, "MUG", 2, "A")),
        replace(claim("in/1"), documents=(Document(id="in/1", version=1, lines=(late,)),)),
    ]
    records = [record(out.key, out.value) for out in movements_of(told, recorded)]
    (found,) = written(folded_by(ledger_stage(NAMING, RULES), {}, records), OVERSELLS, Oversell)
    assert (found.place, found.available, found.cause) == ("A", -1, OversellCause.WRONG_COUNT)


happenings = st.tuples(
    st.sampled_from([Fact.OPENED, Fact.SOLD, Fact.ORDERED, Fact.COUNTED, Fact.RECEIVED, Fact.SALE_VOIDED]),
    st.integers(0, 4),
    st.sampled_from(["MUG", "TEE"]),
    st.integers(1, 9),
    st.sampled_from(["A", "B", None]),
    st.sampled_from([0, 0, 0, 300, 15_000]),
)
asks = st.tuples(
    st.sampled_from(Ask), st.integers(0, 2), st.sampled_from(["MUG", "TEE"]), st.integers(1, 9), st.booleans()
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(happenings | asks, min_size=1, max_size=25), slices=st.integers(1, 25))
def test_given_records_folded_together_then_they_make_what_the_law_makes_of_one_after_another(
    claim, record, recorded, told, slices
):
    """Sales, orders, counts that come late or too late, withdrawals, reservations: stocks, oversells, postings, claims, refusals."""
    log, versions = list[Movement](), itertools.count(1)
    settle, deals = settle_stage(NAMING, NOBODY), {}
    for one in told:
        if isinstance(one[0], Ask):
            ask, ident, sku, units, network = one
            rules = RULES.channels["web" if network else "tills"]
            wanted = Wanted(sku=sku, quantity=units, rules=rules, location=None if network else "A")
            request = Request(id=str(ident), ask=ask, channel="web", lines=(wanted,), ttl=60)
            log.append(asking(request, NOW))
        else:
            fact, number, sku, units, where, minutes = one
            name = f"{fact}/{number}"
            line = (fact, sku, units, where or ("A" if fact is not Fact.ORDERED else None))
            said = claim(name, line, version=next(versions), at=NOW - timedelta(minutes=minutes))
            folded, _ = fold(settle, [recorded(said)], deals)
            log += written(folded, MOVEMENTS, Movement)
    records = [record(m.sku.encode(), encode(m), offset=offset) for offset, m in enumerate(log)]
    stocks: dict[str, Stock] = {}
    due: dict[str, list[object]] = {"oversells": [], "movements": [], "claims": []}
    refused = 0
    for offset, movement in enumerate(log):
        before = stocks.get(movement.sku, Stock(sku=movement.sku))
        taken = step(before, movement, offset)
        stocks[movement.sku] = taken.stock
        due["oversells"] += oversells(before, taken.stock, movement, taken.posted, RULES.channels)
        due["movements"] += taken.posted
        due["claims"] += taken.claims
        refused += taken.refused is not None
    folded = folded_by(ledger_stage(NAMING, RULES), {}, records, slices=slices)
    assert {key.decode(): decode(Stock, value) for key, (_, value, _) in folded.cells.items()} == stocks
    assert written(folded, OVERSELLS, Oversell) == due["oversells"]
    assert written(folded, MOVEMENTS, Movement) == due["movements"]
    assert written(folded, CLAIMS, Claim) == due["claims"]
    assert folded.dead == refused
    numbers = [
        quantity(stock, channel, its, RULES.version)
        for stock in stocks.values()
        for channel, its in RULES.channels.items()
    ]
    told_once = written(folded, CHANNEL_QUANTITIES, ChannelQuantity)
    assert told_once == [number for number in numbers if number.places]


@pytest.mark.law("L7")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(st.integers(0, 5) | st.binary(max_size=40) | st.just(PLACE_KEEPER) | st.none(), max_size=20)
)
def test_given_any_bytes_in_any_topic_then_each_record_is_used_or_passed_over_or_a_dead_letter(
    told, claim, record, recorded
):
    sales = [recorded(claim(f"sale/{n}", (Fact.SOLD, "MUG", 1, "SOHO"))) for n in range(6)]
    claims = [recorded_as(sales[one].value if isinstance(one, int) else one, n) for n, one in enumerate(told)]
    ledger = ledger_stage(NAMING, RULES)
    for stage, records in ((settle_stage(NAMING, NOBODY), claims), (ledger, claims)):
        folded = folded_by(stage, {}, records) if records else None
        if folded is not None:
            letters = written(folded, DEAD_LETTERS, DeadLetter)
            assert folded.used + folded.unused + folded.dead == len(records)
            assert [letter.ref.rsplit("/", 1)[1] for letter in letters] == [
                str(n)
                for n, one in enumerate(told)
                if (not isinstance(one, int) or stage is ledger) and one != PLACE_KEEPER
            ]
            assert all(letter.reason for letter in letters)


def recorded_as(value: bytes | None, offset: int) -> ConsumerRecord:
    return ConsumerRecord("p.claims", 0, offset, 1_700_000_000_000, 0, b"any", value, None, 0, 0, ())


SETS = Rules(version="r1", channels={"web": ChannelRules()}, bundles={"SET": {"MUG": 2, "TEE": 1}})


def test_given_a_component_moves_then_its_bundles_are_told_anew_and_only_they(claim, recorded, record):
    opened = claim(
        "o", (Fact.OPENED, "MUG", 9, "SOHO"), (Fact.OPENED, "TEE", 3, "SOHO"), (Fact.OPENED, "HAT", 1, "SOHO")
    )
    posted = movements_of([opened, claim("sale/1", (Fact.SOLD, "MUG", 4, "SOHO"))], recorded)
    ledger, bundles = ledger_stage(NAMING, SETS), bundle_stage(NAMING, SETS)
    stock: dict = {}
    known: dict = {}
    told = []
    offset = itertools.count()
    for n, out in enumerate(posted):
        folded, _ = fold(ledger, [record(out.key, out.value, offset=n)], stock)
        parts = [out for out in folded.outputs if out.topic == NAMING(BUNDLE_PARTS)]
        assert all(out.key == b"SET" for out in parts)
        for part in parts:
            made, _ = fold(bundles, [record(part.key, part.value, offset=next(offset))], known)
            told += [number.quantity for number in written(made, CHANNEL_QUANTITIES, ChannelQuantity)]
    assert told == [3, 2], "three tees allow three, and then five mugs allow two"
    again, _ = fold(bundles, [record(parts[-1].key, parts[-1].value, offset=0)], known)
    assert (again.outputs, again.unused) == ([], 1)


def test_given_a_part_nobody_can_read_then_it_is_a_dead_letter(record):
    folded, _ = fold(bundle_stage(NAMING, SETS), [record(b"SET", b"{")])
    (letter,) = written(folded, DEAD_LETTERS, DeadLetter)
    assert (letter.stage, folded.dead) == ("bundles", 1)
