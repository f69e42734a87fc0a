"""What a channel may sell beyond what there is: so many units on backorder, and so many of those that are on their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.accounts import NETWORK, UNROUTED, State
from schemas.ledger import Stock
from schemas.postings import pooled
from schemas.rules import ChannelRules


@dataclass(frozen=True, slots=True)
class Allowance:
    """Units of a SKU that may be sold beyond what there is: `preorder` of the `expected` ones, and `backorder`. `owed` were sold so
    already, by whichever channel; they use it up.
    """

    expected: int = 0
    preorder: int = 0
    backorder: int = 0
    owed: int = 0

    @property
    def left(self) -> int:
        """What may still be sold so."""
        return max(0, self.preorder + self.backorder - self.owed)

    @property
    def used(self) -> int:
        """What of it was sold."""
        return self.preorder + self.backorder - self.left


NONE = Allowance()


def allowance(stock: Stock, rules: ChannelRules, where: Sequence[str], place: str) -> Allowance:
    """What may be sold beyond what there is, at a place of the channel's numbers (a location, or `network`).

    In a network all the locations `where` owe together, and the open demand beyond what they offer. A channel with a number for each
    location has an allowance where its demand goes that names no place (`ships_from`), and nowhere else: several places with one each
    would sell it several times.

    Nobody says which pool a delivery is for, so that a channel with a pool has no preorders.
    """
    if not rules.sells_beyond or place not in (NETWORK, rules.ships_from):
        return NONE
    network = rules.publish == NETWORK
    names = list(where) if network else [rules.ships_from]
    open_places = [name for name in names if not rules.leaves_out(name)]
    coming = sum(max(0, stock.balance(name, State.INCOMING)) for name in open_places)
    preorder = 0 if rules.pool else rules.preorder_of(stock.sku)
    owed = sum(_owed_at(stock, rules, name) for name in {*names, rules.ships_from} - {UNROUTED})
    if network:
        owed += _owed_nowhere(stock, rules, open_places)
    return Allowance(coming, min(preorder, coming), rules.backorder_of(stock.sku), owed)


def _owed_at(stock: Stock, rules: ChannelRules, location: str) -> int:
    """Units promised at a location beyond what it offers. What is lacking in its safety stock is owed as far as open promises took
    it: where nothing is promised, it is just not there.
    """
    level = stock.balance(location, pooled(rules.pool))
    promised = stock.balance(location, State.COMMITTED) + stock.balance(location, State.RESERVED)
    return max(0, -level, min(rules.held_back(stock.sku, location, level) - level, promised))


def _owed_nowhere(stock: Stock, rules: ChannelRules, where: Sequence[str]) -> int:
    """Units ordered without a place, beyond what the locations offer together."""
    state = pooled(rules.pool)
    levels = {name: stock.balance(name, state) for name in where}
    offered = sum(max(0, level - rules.held_back(stock.sku, name, level)) for name, level in levels.items())
    return max(0, -stock.balance(UNROUTED, state) - max(0, offered - rules.threshold))
