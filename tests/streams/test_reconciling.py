"""What a difference between a platform and us is taken for, and what becomes of a hand edit: without a platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.contract import Level, Seen
from connectors.directory import Directory, Item
from schemas.accounts import UNROUTED
from schemas.availability import ChannelQuantity, Place, Shown, quantity
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, fold
from schemas.movements import Cause as Origin
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from schemas.settling import Transaction, apply
from streams.differences import Cause, Difference, Known, Listing, Sighting, cause_of, known_of, target_of
from streams.hand_edits import adopted, noted, shelf_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STORES = ChannelRules(publish="locations")
ONE_NUMBER = ChannelRules(publish="network", ships_from="SOHO")


def known(*, wanted=10, own=0, told=10, told_own=0, sure=True, opened=False, offset=1) -> Known:
    place = Place(quantity=wanted, level=wanted, own=own, opened=opened)
    return Known(place, wanted, offset, None if told is None else Shown(told, told_own), sure)


def cause(first, second, *, before=None, after=None, caught_up=True) -> Cause | None:
    before = before or known()
    return cause_of(before, after or before, first, second, caught_up=caught_up)


# -- what a difference is taken for


def test_given_a_level_that_stands_still_and_no_document_explains_then_it_is_a_hand_edit():
    assert cause(Sighting(12), Sighting(12)) is Cause.HAND_EDIT


def test_given_what_we_pushed_then_there_is_no_difference():
    assert cause(Sighting(12), Sighting(10)) is None


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("the level moved between the looks", {"second": Sighting(13)}),
        ("the log was not taken in", {"caught_up": False}),
        ("a push is not answered", {"before": known(sure=False)}),
        ("a push is due", {"before": known(wanted=11)}),
        ("a push was answered between the looks", {"before": known(told=9), "after": known(told=10)}),
        ("a document of the platform came between", {"before": known(), "after": known(own=-1, wanted=9)}),
        ("another channel moved the number", {"before": known(wanted=11, told=11), "after": known()}),
    ],
)
def test_given_something_is_new_between_the_looks_then_it_is_in_flight_and_no_hand_edit(what, how):
    assert cause(**({"first": Sighting(12), "second": Sighting(12)} | how)) is Cause.IN_FLIGHT, what


def test_given_a_platform_shows_what_it_was_told_last_then_a_number_it_was_not_told_yet_is_in_flight():
    due = known(wanted=11)
    assert cause(Sighting(10), Sighting(10), before=due) is Cause.IN_FLIGHT
    assert cause(Sighting(10), Sighting(11), before=due, after=known(wanted=11, told=11)) is None


def test_given_the_sku_moved_elsewhere_only_then_that_says_nothing_of_this_place():
    assert cause(Sighting(12), Sighting(12), after=known(offset=7)) is Cause.HAND_EDIT


def test_given_a_document_that_explains_the_level_then_nothing_differs():
    sold = known(own=-2, wanted=8)
    assert cause(Sighting(8), Sighting(8), after=sold) is None


def test_given_a_platform_that_was_never_told_then_nothing_is_expected_of_it():
    assert cause(Sighting(12), Sighting(12), before=known(told=None)) is None


def test_given_a_platform_that_was_never_told_but_opened_the_place_then_its_own_documents_say_what_it_shows():
    opened = known(own=10, told=None, opened=True)
    assert cause(Sighting(12), Sighting(12), before=opened) is Cause.HAND_EDIT
    assert cause(Sighting(10), Sighting(10), before=opened) is None


def test_given_a_platform_that_keeps_no_number_where_it_should_show_units_then_it_is_untracked():
    assert cause(Sighting(None), Sighting(None)) is Cause.UNTRACKED
    assert cause(Sighting(None), Sighting(None), before=known(wanted=0, told=0)) is None


def test_given_a_ledger_that_comes_to_our_number_while_the_level_does_not_then_nobody_s_hand_is_blamed():
    sure = Sighting(10, certain=True, listed=12)
    assert sure.shows == 12
    assert cause(sure, sure) is Cause.UNEXPLAINED


def test_given_a_number_that_was_left_out_of_the_second_reading_then_nothing_is_said_of_it():
    assert cause_of(known(), None, Sighting(12), Sighting(12), caught_up=True) is None


# -- what is compared


DIRECTORY = Directory(
    items={"variant:1": Item("MUG"), "variant:2": Item("CARD", tracked=False)},
    locations={"location:1": "SOHO", "location:2": "HARLEM"},
    handles={"MUG": "gid:1"},
    places={"SOHO": "at:1", "HARLEM": "at:2", "network": "at:1"},
)


def level(item: str, location: str, units: int) -> Level:
    return Level(item=item, location=location, level=units, version=1, observed_at=NOW, changed_at=NOW)


def listing(rules: ChannelRules, *levels: Level) -> Listing:
    made = Listing(DIRECTORY, rules, "web")
    for one in levels:
        made.take(one)
    return made


def test_given_levels_then_what_shows_another_number_or_is_not_listed_is_looked_at():
    numbers = {("MUG", "SOHO"): known(), ("MUG", "HARLEM"): known(), ("TEE", "SOHO"): known()}
    found = listing(STORES, level("variant:1", "location:1", 10), level("variant:1", "location:2", 9))
    assert found.differing(numbers) == [("MUG", "HARLEM"), ("TEE", "SOHO")]


def test_given_a_number_that_is_not_told_yet_then_it_is_looked_at():
    listing = Listing(Directory(), STORES, "web")
    listing.levels["A", "WH"] = Level(item="A", location="WH", level=10, version=1, observed_at=NOW)
    assert listing.differing({("A", "WH"): known(), ("B", "WH"): known(told=None)}) == []
    assert listing.differing({("A", "WH"): known(wanted=11)}) == [("A", "WH")]


def test_given_one_number_for_all_locations_then_it_is_compared_where_it_is_told_and_nowhere_else():
    shown = listing(ONE_NUMBER, level("variant:1", "location:1", 9), level("variant:1", "location:2", 4))
    assert shown.differing({("MUG", "network"): known()}) == [("MUG", "network")]
    assert [(one.place, one.shown) for one in shown.beyond({})] == [("network", 9)]
    assert shown.beyond({("MUG", "network"): known()}) == []


def test_given_names_that_nobody_knows_then_each_is_told_once_with_its_units():
    found = listing(
        STORES,
        level("variant:9", "location:1", 2),
        level("variant:9", "location:2", 3),
        level("variant:1", "location:9", 4),
        level("variant:8", "location:1", 0),
    ).beyond({})
    assert [(one.cause, one.sku, one.place, one.shown) for one in found] == [
        (Cause.UNKNOWN_LOCATION, "", "location:9", 4),
        (Cause.UNKNOWN_SKU, "variant:9", "", 5),
    ]


def test_given_units_where_we_keep_no_number_then_they_are_untracked_unless_the_item_is_tracked_by_nobody():
    found = listing(STORES, level("variant:1", "location:1", 4), level("variant:2", "location:1", 9)).beyond(
        {}
    )
    assert [(one.cause, one.sku, one.expected, one.shown, one.since) for one in found] == [
        (Cause.UNTRACKED, "MUG", None, 4, NOW)
    ]


def test_given_what_is_recorded_then_a_push_without_an_answer_is_not_settled():
    places = {"SOHO": Place(quantity=8, level=9, own=-1), "HARLEM": Place(quantity=3, level=3, own=0)}
    number = ChannelQuantity(channel="web", sku="MUG", quantity=11, places=places, rules="r", offset=4)
    found = known_of([number], {("MUG", "SOHO"): (9, 0, False)}, lambda place: place.quantity)
    assert {cell: (one.shows, one.wanted, one.settled) for cell, one in found.items()} == {
        ("MUG", "SOHO"): (8, 8, False),
        ("MUG", "HARLEM"): (None, 3, False),
    }


def test_given_a_channel_was_in_shadow_then_a_place_that_it_was_not_told_since_is_not_settled():
    places = {"SOHO": Place(quantity=8, level=8, own=8, opened=True)}
    number = ChannelQuantity(channel="web", sku="MUG", quantity=8, places=places, rules="r", offset=4)
    (cell,) = known_of([number], {}, lambda place: place.quantity, sure=False).values()
    assert cause(Sighting(9), Sighting(9), before=cell) is Cause.IN_FLIGHT


def test_given_a_cell_then_it_is_looked_at_as_a_number_that_is_not_known():
    asked = target_of(("MUG", "SOHO"), known(own=-2, wanted=8))
    assert (asked.expected, asked.wanted, asked.own) == (None, 8, -2)


def test_given_a_look_then_it_stands_beside_what_was_listed():
    found = listing(STORES, level("variant:1", "location:1", 9))
    assert found.sighting(("MUG", "SOHO"), Seen(8, certain=True)) == Sighting(8, certain=True, listed=9)
    assert found.sighting(("MUG", "HARLEM"), Seen(8)) == Sighting(8)


# -- what becomes of a hand edit


def edit(expected: int, shown: int, place: str = "SOHO") -> Difference:
    return Difference(
        channel="web", sku="MUG", place=place, expected=expected, shown=shown, cause=Cause.HAND_EDIT
    )


class Book:
    """One SKU's stock, as claims make it."""

    def __init__(self, rules: ChannelRules) -> None:
        self.rules, self.stock, self.offset = rules, Stock(sku="MUG"), 0
        self.transactions: dict[str, Transaction] = {}

    def take(self, claim: Claim) -> None:
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, made = apply(before, claim, NOW, Origin(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for movement in made:
            self.offset += 1
            self.stock = fold(self.stock, movement, self.offset)

    def open(self, units: int) -> None:
        line = Line(fact=Fact.OPENED, sku="MUG", quantity=units, at=NOW, location="SOHO")
        document = Document(id="opening", version=1, lines=(line,))
        self.take(Claim(transaction="o", channel="tills", topic="t", occurred_at=NOW, documents=(document,)))

    def place(self, name: str) -> Place:
        number = quantity(self.stock, "web", self.rules, "r")
        assert number is not None
        return number.places[name]


@pytest.mark.parametrize(("rules", "place"), [(STORES, "SOHO"), (ONE_NUMBER, "network")])
@pytest.mark.parametrize("units", [3, -3])
def test_given_an_edit_is_adopted_then_we_have_so_many_more_and_the_platform_is_not_told_again(
    rules, place, units
):
    book = Book(rules)
    book.open(10)
    told = Shown(10, book.place(place).own)
    book.take(adopted(edit(10, 10 + units, place), 0, NOW, rules))
    assert book.stock.balance("SOHO") == 10 + units
    assert book.stock.total() == 0
    assert book.place(place).shows(told) == 10 + units == book.place(place).quantity


def test_given_the_same_edit_is_found_twice_then_it_is_one_document():
    book = Book(STORES)
    book.open(10)
    for _ in range(2):
        book.take(adopted(edit(10, 12), 0, NOW, STORES))
    assert book.stock.balance("SOHO") == 12


def test_given_the_same_change_is_made_again_later_then_it_counts_again():
    book = Book(STORES)
    book.open(10)
    for before, (expected, shown) in enumerate([(10, 12), (12, 10), (10, 12), (12, 14)]):
        book.take(adopted(edit(expected, shown), before, NOW, STORES))
        assert book.stock.balance("SOHO") == shown


def test_given_a_channel_with_a_pool_then_an_edit_is_adopted_in_it():
    (document,) = adopted(edit(10, 12), 0, NOW, replace(STORES, pool="b2b")).documents
    assert [line.pool for line in document.lines] == ["b2b"]


def test_given_one_number_for_all_then_the_policy_is_that_of_where_the_channel_ships_from():
    assert shelf_of("network", ONE_NUMBER) == "SOHO"
    assert shelf_of("network", ChannelRules()) == UNROUTED, "no location: nothing has a policy there"
    assert shelf_of("HARLEM", STORES) == "HARLEM"


def test_given_a_hand_edit_then_its_receipt_says_what_was_found_and_what_should_have_been_there():
    found = replace(edit(10, 12), done="left as it is")
    kept = noted(found, known(own=-1, offset=5), Outcome.DRIFTED, NOW)
    assert kept == Receipt(
        channel="web",
        sku="MUG",
        place="SOHO",
        quantity=10,
        level=12,
        own=-1,
        outcome=Outcome.DRIFTED,
        pushed_at=NOW,
        offset=5,
        detail="left as it is",
    )
