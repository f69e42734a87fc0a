from __future__ import annotations

import pytest

from connectors.links import attempt_of, attempts, deal_of, reference_of

DEALS = [
    "order/1001",
    "onhand:order/1001",
    "order 7 ü",
    "0",
    "order/1;2",
    "order/1;2;3",
    ";2",
    "a;b",
    "a;0",
    "a;\n;2",
]


@pytest.mark.parametrize("deal", DEALS)
@pytest.mark.parametrize("attempt", [1, 2, 17])
def test_given_a_deal_then_the_reference_of_each_attempt_leads_back_to_it_and_to_no_other(deal, attempt):
    reference = reference_of(deal, attempt)
    assert deal_of(reference) == deal
    assert {other: attempt_of(reference, other) for other in DEALS} == dict.fromkeys(DEALS) | {deal: attempt}


def test_given_a_first_attempt_then_its_reference_is_as_it_was_before_there_were_others():
    assert reference_of("order/web/1") == "onhand:order/web/1"
    assert reference_of("order/web/1", 2) == "onhand:order/web/1;2"


def test_given_rows_of_a_platform_then_those_of_a_deal_are_by_attempt_the_newest_last():
    rows = [
        {"ref": ref}
        for ref in ("onhand:a;10", "onhand:a;2", "onhand:ab", "onhand:a", None, "a;3", "onhand:a;2")
    ]
    assert attempts(rows, "ref", "a") == {1: [rows[3]], 2: [rows[1], rows[6]], 10: [rows[0]]}
    assert list(attempts(rows, "ref", "a")) == [1, 2, 10]


@pytest.mark.parametrize(
    "reference", [None, "", "PO-17", "onhand", "onhand:", "ONHAND:order/1", 17, ["onhand:x"]]
)
def test_given_somebody_else_s_reference_then_it_names_no_deal_of_ours(reference):
    assert deal_of(reference) is None
