from __future__ import annotations

import pytest

from connectors.links import deal_of, reference_of


@pytest.mark.parametrize("deal", ["order/1001", "onhand:order/1001", "order 7 ü", "0"])
def test_given_a_deal_then_its_reference_leads_back_to_it(deal):
    assert deal_of(reference_of(deal)) == deal


@pytest.mark.parametrize(
    "reference", [None, "", "PO-17", "onhand", "onhand:", "ONHAND:order/1", 17, ["onhand:x"]]
)
def test_given_somebody_else_s_reference_then_it_names_no_deal_of_ours(reference):
    assert deal_of(reference) is None
