"""The topic table: every Kafka topic, what it is keyed by, what it holds, and how long it keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.availability import ChannelQuantity
from schemas.bundles import Bundle, BundlePart
from schemas.claims import Claim, DeadLetter, Observation
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.oversells import Oversell
from schemas.receipts import Receipt
from schemas.rules import Rules
from schemas.settling import Transaction

FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
NEWEST = {
    "cleanup.policy": "compact",
    # A stopped and resumed worker may write an old value over a newer one. Restore takes the highest offset, not the
    # last record, and the owner writes its value again; compaction must not come between.
    "min.compaction.lag.ms": "3600000",
    "segment.ms": "86400000",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Topic:
    """One topic, which is no other. `name` is without the configured prefix; `key` says what its records are keyed by."""

    name: str
    key: str
    holds: type[Any]
    config: dict[str, str]

    @property
    def event(self) -> str:
        """The CloudEvents type of its records."""
        return f"io.onhand.{self.name}.v1"


CLAIMS = Topic(
    name="claims",
    key="transaction",
    holds=Claim,
    config={**FOREVER, "message.timestamp.type": "LogAppendTime"},  # recorded_at is the broker's append
)
MOVEMENTS = Topic(name="movements", key="sku", holds=Movement, config=FOREVER)
STOCK = Topic(name="stock", key="sku", holds=Stock, config=NEWEST)
CHANNEL_QUANTITIES = Topic(name="channel-quantities", key="channel|sku", holds=ChannelQuantity, config=NEWEST)
OVERSELLS = Topic(name="oversells", key="sku", holds=Oversell, config=FOREVER)
RECEIPTS = Topic(name="receipts", key="channel|sku", holds=Receipt, config=FOREVER)
OBSERVATIONS = Topic(name="observations", key="channel|sku", holds=Observation, config=FOREVER)
RULES = Topic(name="rules", key="version", holds=Rules, config=FOREVER)
DEAD_LETTERS = Topic(name="dead-letters", key="channel", holds=DeadLetter, config=FOREVER)
TRANSACTIONS = Topic(name="transactions", key="transaction", holds=Transaction, config=NEWEST)

BUNDLE_PARTS = Topic(name="bundle-parts", key="bundle", holds=BundlePart, config=FOREVER)
BUNDLES = Topic(name="bundles", key="bundle", holds=Bundle, config=NEWEST)

TOPICS: tuple[Topic, ...] = (
    CLAIMS,
    MOVEMENTS,
    STOCK,
    CHANNEL_QUANTITIES,
    OVERSELLS,
    RECEIPTS,
    OBSERVATIONS,
    RULES,
    DEAD_LETTERS,
    TRANSACTIONS,
    BUNDLE_PARTS,
    BUNDLES,
)
