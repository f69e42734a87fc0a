"""Every sample of a partner's file, and what it says: facts with their units, or the reason why it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.rlm.allowlist import cut
from connectors.rlm.mapping import read
from connectors.rlm.partner import opened
from connectors.rlm.settings import RlmSettings
from schemas.claims import Claim

SAMPLES = Path(__file__).parent / "samples"
SETTINGS = RlmSettings(platform="rlm", folder=SAMPLES, locations={"E01": "East", "W01": "West"})
STORE = {"E01": "East", "STORE07": "Store 7"}

S, M = "UP:099999000054", "UP:099999000061"
FULL = [f"shipped 2 {S} E01", f"shipped 1 {M} E01"]
SHORT = [f"shipped 1 {S} E01", f"pick_rejected 1 {S} E01", f"skipped {M}: nothing was shipped yet"]
NO_CASE = ["refused: the unit of {} is not one unit, and no pack says how many units one of it is"]
NOT_OURS = ["refused: a 940 is an order that we send: nobody sends one to us"]
NO_END = "file refused: ISA16 is not the one character before the segment terminator"
NO_ISA = "file refused: no ISA segment stands where an interchange begins"
TEE = "SK:HB1000-NAVY-S"

SAID = {
    "846-partner-qualifier-01.edi": [NO_CASE[0].format("the item")],
    "846-snapshot-two-warehouses.edi": [f"level 112 {S} E01", f"level 0 {M} E01", f"level -2 {S} W01"],
    "850-wholesale-order.edi": [f"ordered 24 {S} None", f"ordered 24 {M} None"],
    "856-store-transfer-ship-notice.edi": [
        f"skipped {S}: another kind of document tells of this channel's shipments (shipped_by)"
    ],
    "940-cancel.edi": NOT_OURS,
    "940-order.edi": NOT_OURS,
    "943-asn.edi": [f"expected 120 {S} E01"],
    "944-prepack.edi": [NO_CASE[0].format("line 1")],
    "944-receipt-short-and-damaged.edi": [
        f"received 117 {S} E01",
        f"received 2 {S} E01 damaged",
        f"skipped {S}: short of or over the notice: a difference moves nothing",
    ],
    "945-full.edi": FULL,
    "945-many-sets.edi": FULL + SHORT,
    "945-no-lines.edi": ["skipped 945/HUB-1004/BOL4: the document has no lines"],
    "945-partial-and-zero.edi": SHORT,
    "945-same-line-two-cartons.edi": [f"shipped 2 {S} E01", f"shipped 2 {S} E01"],
    "947-adjustments.edi": [
        f"adjusted_down 3 {S} E01",
        f"set_aside 4 {M} E01 quality_control",
        f"damaged 1 {S} E01",
    ],
    "947-tilde-element-bang-segment.edi": ["refused: no N1 segment names the warehouse"],
    "997-accept.edi": ["skipped group 5: acknowledged"],
    "997-reject-bad-se.edi": ["refused: the partner rejected group 20 (SW) of ours: 945"],
    "edge-control-number-reused-different-content.edi": SHORT,
    "edge-crlf.edi": FULL,
    "edge-duplicate-interchange-of-945-full.edi": FULL,
    "ediengine-850.OK.edi": [
        "ordered 120 VN:AB3542 None",
        "ordered 220 VN:RD5322 None",
        "ordered 126 VN:XY5266 None",
        "ordered 76 VN:VX2332 None",
        "ordered 72 VN:RV0524 None",
        "ordered 696 VN:DX1875 None",
    ],
    "ediengine-856.Crossdock.OK.edi": [
        f"skipped {item}: another kind of document tells of this channel's shipments (shipped_by)"
        for item in (
            *("UP:0000000000642", "EN:0000000000831", "UP:0000000000283", "UP:0000000000203"),
            "UP:0000000000642",
        )
    ],
    "ediengine-940.2.OK.edi": NOT_OURS,
    "ediengine-940.OK.edi": NOT_OURS,
    "ediengine-940_Failed_SE01.edi": NOT_OURS,
    "ediengine-ControlNumbersMismatch.edi": ["file refused: IEA02 is not the control number ISA13"],
    "ediengine-MultipleInterchangesAndGroups.edi": NOT_OURS * 6,
    "ediengine-WrongGroupsAndTranCount.edi": ["file refused: GE01 does not count the 1 transaction sets"],
    "edge-newline-as-terminator.edi": FULL,
    "edge-no-newlines.edi": FULL,
    "edge-resend-new-control-number.edi": FULL,
    "edge-trailing-junk.edi": FULL,
    "edge-truncated.edi": ["file refused: truncated: an interchange has no IEA segment"],
    "edge-two-interchanges-one-file.edi": [*FULL, f"adjusted_down 1 {S} E01"],
    "edge-unknown-warehouse-and-sku.edi": ["level 5 UP:000000000000 ZZZ9"],
    "edge-wrong-se01.edi": ["refused: SE01 does not count the segments of the transaction set"],
    "inventory-excel-damaged-upc.csv": [
        "file refused: no column is the quantity; columns can be named in the settings (columns)"
    ],
    "inventory-size-columns.csv": [
        "file refused: no column is the quantity; columns can be named in the settings (columns)"
    ],
    "inventory-snapshot.csv": [
        "level 0 UP:190000000011 E01",
        "level 12 UP:190000000028 E01",
        "level -2 UP:190000000028 W01",
        "level 25 VN:HB2000-BLACK-OS E01",
    ],
    "movements.csv": [
        f"received 120 {TEE} E01",
        f"adjusted_down 3 {TEE} E01",
        f"shipped 2 {TEE} E01",
        f"shipped 2 {TEE} E01",
        f"returned 1 {TEE} E01",
        "refused: the other place of a transfer is missing",
        "refused: the other place of a transfer is missing",
        f"counted 115 {TEE} E01",
    ],
    "x12types-856-004060.edi": ["refused: no N1 segment names the warehouse"],
    "x12types-940-2.edi": NOT_OURS,
    "x12types-940-3.edi": NOT_OURS,
    "x12types-940-4.edi": [NO_END],
    "x12types-940-ISA16-two-chars.edi": [NO_END],
    "x12types-940-missing-ISA16.edi": [NO_END],
    "x12types-945-unpadded-ISA.edi": ["refused: SE01 does not count the segments of the transaction set"],
    "x12types-997-2.edi": [NO_ISA],
    "x12types-997-3.edi": [NO_ISA],
}


def said(settings: RlmSettings, name: str, raw: bytes) -> list[str]:
    """What a file says, line by line."""
    try:
        documents = opened(settings, name, raw)
    except Refused as refusal:
        return [f"file refused: {refusal}"]
    found: list[str] = []
    for document in documents:
        topic = document["set"]
        try:
            claim = read("depot", Payload(topic, cut(topic, document)))
        except Refused as refusal:
            found.append(f"refused: {refusal}")
            continue
        if not isinstance(claim, Claim):
            found.append(f"level {claim.level} {claim.sku} {claim.location}")
            continue
        for one in claim.documents:
            for line in one.lines:
                state = "" if line.state == "available" else f" {line.state}"
                found.append(f"{line.fact} {line.quantity} {line.sku} {line.location}{state}")
            found += [f"skipped {line.item}: {line.reason}" for line in one.skipped]
    return found


def test_given_the_samples_then_each_has_a_row_here():
    assert {file.name for file in SAMPLES.iterdir() if file.suffix != ".md"} == SAID.keys()


@pytest.mark.parametrize("name", sorted(SAID))
def test_given_a_sample_then_it_says_what_is_written_here(name):
    assert said(SETTINGS, name, (SAMPLES / name).read_bytes()) == SAID[name]


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"shipped_by": "856"}, "945-no-lines.edi", ["skipped 945/HUB-1004/BOL4: the document has no lines"]),
        ({"shipped_by": "856"}, "856-store-transfer-ship-notice.edi", [f"shipped 2 {S} E01"]),
        (
            {"shipped_by": "856", "locations": STORE},
            "856-store-transfer-ship-notice.edi",
            [f"transfer_shipped 2 {S} E01"],
        ),
        (
            {"locations": STORE},
            "945-full.edi",
            [f"transfer_shipped 2 {S} E01", f"transfer_shipped 1 {M} E01"],
        ),
        ({"packs": {"UP:099999000054": 12}}, "846-partner-qualifier-01.edi", [f"level 144 {S} E01"]),
        ({"packs": {"VN:CB11D10-PPK": 6}}, "944-prepack.edi", ["received 60 UP:099999000122 E01"]),
        (
            {"damaged_within": True},
            "944-receipt-short-and-damaged.edi",
            [
                f"received 115 {S} E01",
                f"received 2 {S} E01 damaged",
                f"skipped {S}: short of or over the notice: a difference moves nothing",
            ],
        ),
        ({"warehouse": "E01"}, "947-tilde-element-bang-segment.edi", ["adjusted_up 1 VN:E662255 E01"]),
        ({"item_qualifiers": ("SK",)}, "943-asn.edi", ["expected 120 SK:CB11D10-BLUE-S E01"]),
        (
            {"reasons": {"AH": "scrapped"}},
            "edge-two-interchanges-one-file.edi",
            [*FULL, f"scrapped 1 {S} E01"],
        ),
        (
            {"level_qualifier": "17"},
            "846-snapshot-two-warehouses.edi",
            [f"level 118 {S} E01", f"level 4 {M} E01", f"level 3 {S} W01"],
        ),
    ],
)
def test_given_what_the_settings_say_of_a_partner_then_its_files_are_read_so(change, name, expected):
    settings = SETTINGS.model_copy(update=change)
    assert said(settings, name, (SAMPLES / name).read_bytes()) == expected


def test_given_a_spreadsheet_that_ate_barcodes_then_those_rows_are_refused_and_the_others_are_read():
    settings = SETTINGS.model_copy(update={"warehouse": "E01", "columns": {"quantity": "qty", "date": "day"}})
    raw = (SAMPLES / "inventory-excel-damaged-upc.csv").read_text().splitlines()
    dated = "\n".join([raw[0] + ",day", *(f"{row},2026-11-23" for row in raw[1:])]).encode()
    assert said(settings, "inventory.csv", dated) == [
        "refused: the item was damaged by a spreadsheet: the digits of its item are lost",
        "level 12 UP:190000000028 E01",
        "level 7 UP:00190000000035 E01",
    ]
