"""The retailer's flows, one story each, told on one running retailer.

They stand in one file, so that all of them run in one process, with one retailer.
"""

# ruff: noqa: F401  # pytest collects what is imported here

from __future__ import annotations

import pytest
from between import (
    test_given_a_store_that_has_none_then_it_sells_what_another_sends,
    test_given_a_transfer_then_it_is_nowhere_while_it_is_on_its_way_and_what_never_arrives_is_lost,
    test_given_it_is_bought_in_a_store_then_the_warehouse_sends_it_home,
)
from brought_back import (
    test_given_an_exchange_then_one_size_comes_and_the_other_goes_by_one_document,
    test_given_damaged_goods_then_they_are_there_and_not_for_sale,
    test_given_goods_as_new_then_the_store_that_took_them_back_sells_them_and_the_refund_adds_none,
    test_given_goods_that_must_be_looked_at_then_they_are_there_and_not_for_sale,
)
from from_store import (
    test_given_a_place_that_the_merchandiser_prefers_then_it_sends_before_nearer_ones,
    test_given_a_warehouse_that_finds_fewer_than_it_said_then_a_store_sends_the_rest,
    test_given_an_order_then_the_nearest_store_sends_it_and_after_its_refusal_the_next,
    test_given_no_place_has_all_then_it_is_sent_in_the_fewest_parcels,
    test_given_two_articles_then_the_place_that_has_both_sends_one_parcel_though_others_are_nearer,
)
from online import (
    test_given_an_online_order_then_the_warehouse_sends_it_and_it_counts_once,
    test_given_it_is_cancelled_before_it_is_packed_then_the_warehouse_need_not_and_may_sell_it,
)
from pickup import (
    test_given_a_pick_up_then_the_store_keeps_it_for_its_customer_at_once_and_hands_it_over,
    test_given_it_is_called_off_five_minutes_before_it_is_collected_then_the_store_may_sell_it,
    test_given_nobody_comes_then_the_store_says_so_and_may_sell_it,
)
from trade import (
    test_given_500_units_for_a_business_then_they_leave_its_own_pool_and_the_retail_number_stays,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.engines, pytest.mark.system]


async def test_given_all_stories_then_in_the_end_everything_still_adds_up(company):
    for story in company.told:
        await story.agreed("")
    verdict = await company.hub.onhand("verify")
    assert verdict["ok"], verdict
