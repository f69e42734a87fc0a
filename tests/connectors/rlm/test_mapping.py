"""What documents claim: wholes and not changes, the same whenever and however often they come, and no nonsense."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connectors.rlm
from connectors.contract import Payload
from connectors.directory import Directory, Item, resolve
from connectors.errors import Refused
from connectors.rlm import connector
from connectors.rlm.codes import EFFECTS, POSTED, REASONS
from connectors.rlm.partner import documents, laid_on
from connectors.rlm.settings import RlmSettings
from schemas.claims import Claim
from schemas.codec import encode
from schemas.witnesses import FACTS

FIXTURES = {
    file.stem: json.loads(file.read_text())
    for file in (Path(connectors.rlm.__file__).parent / "fixtures").glob("*.json")
}


def read(name, **changes):
    """A fixture's claim, with fields of the document changed."""
    fixture = FIXTURES[name]
    return connector.read("depot", Payload(fixture["topic"], {**fixture["payload"], **changes}))


def lines(name, **changes):
    return [(one.fact.value, one.quantity, one.location) for one in read(name, **changes).documents[0].lines]


def changed(name, **fields):
    """The lines of a fixture with fields of the first one changed."""
    found = copy.deepcopy(FIXTURES[name]["payload"]["lines"])
    found[0] = {key: value for key, value in {**found[0], **fields}.items() if value is not None}
    return found


def sent(name, minute, interchange):
    """The control numbers of a fixture's document, sent at another time."""
    return {**FIXTURES[name]["payload"]["control"], "time": minute, "interchange": interchange}


@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_given_a_document_twice_then_its_claim_is_the_same(name):
    if "claim" in FIXTURES[name]:
        assert encode(read(name)) == encode(read(name))


@pytest.mark.parametrize("name", ["shipment", "receipt_short_and_damaged", "adjustment", "purchase_order"])
def test_given_a_document_sent_again_then_only_its_version_is_newer(name):
    first, again = read(name), read(name, control=sent(name, "1301", "000000002"))
    assert first.transaction == again.transaction
    assert first.documents[0].version < again.documents[0].version
    assert (first.documents[0].id, first.documents[0].lines) == (
        again.documents[0].id,
        again.documents[0].lines,
    )


def test_given_versions_then_the_later_minute_wins_and_within_it_the_later_control_number():
    versions = [
        read("shipment", control=sent("shipment", minute, number)).documents[0].version
        for minute, number in (
            ("1300", "000000009"),
            ("1300", "000000010"),
            ("1301", "000000001"),
            ("13015959", "000000002"),
        )
    ]
    assert versions == sorted(set(versions))
    assert versions[-1] < 2**63


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity": "-1"}, "the quantity of line 1 is negative"),
        ({"quantity": "1.5"}, "the quantity of line 1 is not a whole number of units"),
        ({"quantity": "1e3"}, "the quantity of line 1 is not a number"),
        ({"quantity": "1,000"}, "the quantity of line 1 is not a number"),
        ({"quantity": "१"}, "the quantity of line 1 is not a number"),
        ({"quantity": "9" * 30}, "the quantity of line 1 is out of bounds"),
        ({"quantity": None}, "quantity is missing"),
        ({"quantity": 2}, "quantity is not a text"),
        ({"unit": "CA"}, "the unit of line 1 is not one unit"),
        ({"unit": "CA", "pack": 0}, "the unit of line 1 is not one unit"),
        ({"unit": "CA", "pack": 10_000, "quantity": "999999999"}, "the quantity of line 1 is out of bounds"),
        ({"items": []}, "line 1 names no item"),
        ({"items": [{"qualifier": "LT", "id": "LOT-1"}]}, "line 1 names no item"),
        ({"items": [{"qualifier": "UP", "id": "1.90E+11"}]}, "damaged by a spreadsheet"),
        ({"items": [{"qualifier": "UP", "id": "9" * 100}]}, "id is not a text"),
        ({"ordered": "-1", "status": "CP"}, "the ordered quantity of line 1 is negative"),
    ],
)
def test_given_a_line_of_nonsense_then_the_reason_names_it(fields, reason):
    with pytest.raises(Refused, match=reason):
        read("shipment", lines=changed("shipment", **fields))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"order": ""}, "order is missing"),
        ({"dates": [], "date": "20261324"}, "date is not a date"),
        ({"dates": [], "date": "24.11.2026"}, "date is not a date"),
        ({"dates": [], "date": "२०२६११२४"}, "date is not a date"),
        ({"dates": [{"qualifier": "11", "date": "2026"}]}, "date is not a date"),
        ({"reporting": "X"}, "reporting code X does not say that the document is whole"),
        ({"parties": []}, "no N1 segment names the warehouse"),
        ({"control": {}}, "interchange is missing"),
        ({"control": {"interchange": "A1", "date": "20261123"}}, "interchange is not a control number"),
        ({"zone": "Mars/Base"}, "zone is no time zone"),
        ({"fault": "SE02"}, "SE02 is not the control number ST02"),
        ({"lines": [1]}, "lines is not a list"),
    ],
)
def test_given_a_shipment_that_lacks_what_it_needs_then_the_reason_names_the_field(fields, reason):
    with pytest.raises(Refused, match=reason):
        read("shipment", **fields)


def test_given_two_lines_of_one_item_then_both_count_and_what_is_given_up_counts_once():
    twice = changed("shipment_short", ordered="6", quantity="2")[:1] * 2
    assert lines("shipment_short", lines=twice) == [
        ("shipped", 2, "E01"),
        ("shipped", 2, "E01"),
        ("pick_rejected", 2, "E01"),
    ]


@pytest.mark.parametrize(("status", "rejected"), [("CP", True), ("IC", True), ("BP", False), ("CC", False)])
def test_given_a_short_line_then_only_what_is_given_up_goes_back(status, rejected):
    short = changed("shipment", status=status, ordered="5", quantity="2")[:1]
    assert (("pick_rejected", 3, "E01") in lines("shipment", lines=short)) is rejected


def test_given_no_purchase_order_then_the_order_number_is_the_deal():
    assert read("shipment", purchase_order="").transaction == "order/depot/HUB-1001"


def test_given_a_reference_of_ours_then_its_deal_is_joined():
    assert read("shipment", order="onhand:order/web/7").transaction == "order/web/7"
    assert read("movement_shipment", reference="onhand:order/web/7").transaction == "order/web/7"


def test_given_our_own_order_for_a_place_of_ours_then_it_is_shipped_and_no_transfer():
    parties = [{"code": "WH", "id": "E01", "ours": True}, {"code": "ST", "id": "STORE07", "ours": True}]
    assert lines("shipment_of_our_order", parties=parties) == [("shipped", 1, "E01")]
    assert lines("shipment", parties=parties)[0] == ("transfer_shipped", 2, "E01")


def test_given_dates_of_a_zone_then_instants_are_in_utc_and_a_day_without_a_time_is_its_noon():
    at = read("shipment", zone="America/New_York").documents[0].lines[0].at
    assert at == datetime(2026, 11, 24, 17, tzinfo=UTC)
    seen = read("level", zone="America/New_York")
    assert seen.observed_at == datetime(2026, 11, 23, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "quantity", "expected"),
    [
        ("AA", "3", ("adjusted_up", 3, "available")),
        ("AA", "-3", ("adjusted_down", 3, "available")),
        ("05", "-3", ("set_aside", 3, "quality_control")),
        ("55", "3", ("returned_to_shelf", 3, "quality_control")),
        ("52", "3", ("returned_to_shelf", 3, "damaged")),
        ("AU", "-3", ("damaged", 3, "available")),
        ("07", "-3", ("scrapped", 3, "available")),
    ],
)
def test_given_a_reason_then_it_says_what_the_adjustment_does(code, quantity, expected):
    (line,) = (
        read("adjustment", lines=changed("adjustment", reason=code, quantity=quantity)[:1]).documents[0].lines
    )
    assert (line.fact, line.quantity, line.state) == expected
    assert line.reason == f"{code}: {REASONS[code].words}"


def test_given_an_adjustment_and_its_reversal_then_together_they_move_nothing():
    there = lines("adjustment", lines=changed("adjustment")[:1])
    back = lines("adjustment", number="ADJ-901", lines=changed("adjustment", quantity="3")[:1])
    assert (there, back) == ([("adjusted_down", 3, "E01")], [("adjusted_up", 3, "E01")])
    assert read("adjustment").transaction != read("adjustment", number="ADJ-901").transaction


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("01", ("received", 2, "damaged")),
        ("04", ("received", 2, "quality_control")),
        ("02", None),
        ("03", None),
    ],
)
def test_given_goods_in_a_condition_then_they_land_there(condition, expected):
    one = changed(
        "receipt_short_and_damaged", exceptions=[{"quantity": "2", "unit": "EA", "condition": condition}]
    )
    found = read("receipt_short_and_damaged", lines=one).documents[0].lines
    assert [(line.fact, line.quantity, line.state) for line in found] == [
        ("received", 117, "available"),
        *([expected] if expected else []),
    ]


@pytest.mark.parametrize(
    ("exceptions", "damaged_within", "reason"),
    [
        ([{"quantity": "2", "condition": "09"}], False, "unknown receiving condition 09"),
        ([{"quantity": "-2", "condition": "01"}], False, "the quantity of an exception is negative"),
        (
            [{"quantity": "118", "condition": "01"}],
            True,
            "more units are in another condition than were received",
        ),
        ([{"quantity": "2"}], False, "condition is missing"),
    ],
)
def test_given_an_exception_of_nonsense_then_it_is_refused(exceptions, damaged_within, reason):
    wrong = changed("receipt_short_and_damaged", exceptions=exceptions)
    with pytest.raises(Refused, match=reason):
        read("receipt_short_and_damaged", lines=wrong, damaged_within=damaged_within)


@pytest.mark.parametrize(
    ("kind", "quantity"), [("RECEIPT", "-1"), ("RETURN", "-1"), ("TRANSFER_IN", "-1"), ("COUNT", "-1")]
)
def test_given_a_movement_with_the_wrong_sign_then_it_is_refused(kind, quantity):
    line = changed("movement_transfer_in", quantity=quantity)
    with pytest.raises(Refused, match="cannot have this sign"):
        read("movement_transfer_in", type=kind, lines=line)


def test_given_no_units_then_only_a_count_says_something():
    none = changed("movement_count", quantity="0")
    assert lines("movement_count", lines=none) == [("counted", 0, "E01")]
    assert read("movement_receipt", lines=none).documents[0].skipped[0].reason == "quantity zero"


def test_given_an_adjustment_row_with_an_effect_then_it_has_that_effect():
    assert lines("movement_adjustment", lines=changed("movement_adjustment", effect="held")) == [
        ("set_aside", 3, "E01")
    ]


def test_given_the_tables_then_every_fact_in_them_has_a_meaning():
    facts = {fact for row in POSTED.values() for fact in (row.up, row.down)}
    facts |= {fact for effect in EFFECTS.values() for fact in (effect.up, effect.down)}
    assert facts - {None} <= FACTS.keys()
    assert {reason.effect for reason in REASONS.values()} <= EFFECTS.keys()


def test_given_an_unknown_item_or_warehouse_then_the_directory_names_it():
    directory = Directory(items={"UP:199999000061": Item("TEE-M")})
    with pytest.raises(Refused, match="unknown SKU UP:199999000054; unknown location E01"):
        resolve(read("shipment"), directory, "WH", 100)


def test_given_a_huge_quantity_then_the_directory_refuses_it():
    directory = Directory(
        items={"UP:199999000054": Item("S"), "UP:199999000061": Item("M")}, locations={"E01": "East"}
    )
    with pytest.raises(Refused, match="quantity 5000 of UP:199999000054 is above 100"):
        resolve(read("shipment", lines=changed("shipment", quantity="5000")), directory, "WH", 100)


def test_given_a_file_of_any_kind_then_its_persons_stay_out():
    raw = (
        b"ISA*00*          *00*          *ZZ*DEPOT          *ZZ*ONHAND         *261123*1300*U*00401*000000001*0*P*>~"
        b"GS*SW*DEPOT*ONHAND*20261123*1300*1*X*004010~ST*945*0001~W06*F*A-1*20261124*BOL1~"
        b"N1*ST*Ada Canary*92*canary-7~N2*Canary~N3*1 Canary St~N4*Canary*CA~PER*CN*Canary*TE*555-0100~"
        b"N1*WH*Depot*92*E01~N9*CO*canary~NTE*WHI*call Canary~W12*CC*1*1*0*EA**SK*TEE~G69*canary~"
        b"W03*1~SE*14*0001~GE*1*1~IEA*1*000000001~"
    )
    (document,) = documents("945", raw)
    settings = RlmSettings(platform="rlm", folder=Path("/srv"), locations={"E01": "East"})
    kept = laid_on(settings, document)
    assert "canary" not in json.dumps(kept).lower()
    assert isinstance(connector.read("depot", Payload("945", kept)), Claim)


@pytest.mark.parametrize(
    ("topic", "raw", "reason"),
    [
        ("945", b"warehouse,sku\n", "no CSV file has a 945"),
        ("846", b"", "the file has no rows"),
        ("846", b"warehouse,sku,ats,as_of\n", "the file has no rows"),
        ("846", b"warehouse,sku,ats\nE01,TEE,1\n", "no column is the date"),
        ("846", b"warehouse,ats,as_of\nE01,1,2026-11-23\n", "no column names the item"),
        ("movements", b'movement_id,posted_at,type,sku,quantity\n"M\n', "the file is not CSV"),
        ("movements", b"posted_at,type,sku,quantity\nx,x,x,1\n", "no column is the number"),
    ],
)
def test_given_a_csv_file_without_what_it_needs_then_the_reason_names_the_column(topic, raw, reason):
    with pytest.raises(Refused, match=reason):
        documents(topic, raw)


def test_given_a_csv_file_of_an_old_spreadsheet_then_its_numbers_and_letters_are_read():
    raw = b"sku;x\nignored"
    with pytest.raises(Refused):
        documents("846", raw)
    raw = 'warehouse,sku,ats,as_of\nE01,CAF\xc9,(4),2026-11-23\n\n,,,\nE01,TEE,"1,200",2026-11-23\n'
    found = documents("846", raw.encode("cp1252"))
    assert [
        (one["lines"][0]["items"][0]["id"], one["lines"][0]["quantities"][0]["quantity"]) for one in found
    ] == [("CAFÉ", "-4"), ("TEE", "1200")]


def test_given_a_remark_in_place_of_a_reason_then_it_is_left_out():
    raw = b"movement_id,posted_at,warehouse,type,reason,sku,quantity\nM-1,2026-11-23,E01,ADJUST,for Ada Canary,TEE,-1\n"
    assert documents("movements", raw)[0]["lines"][0]["reason"] == ""
