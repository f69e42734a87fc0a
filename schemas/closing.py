"""When a transaction may leave the table, and the claims of the hub itself by which it goes and comes back.

The archive is the log: the record that closes a transaction carries all that it held. So closing is an event like any
other, and whoever folds the log comes to the same.

An open transaction that turns out to be one deal with a closed one gives up what it held at once, as to any other; there
it waits in dead letters, each with a claim, and counts when they are retried.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from schemas.accounts import State
from schemas.claims import Archive, Claim
from schemas.codec import Undecodable, decode, encode
from schemas.flows import Settled
from schemas.reservations import HUB
from schemas.settling import Closed, Transaction, settle
from schemas.witnesses import Authority

OPEN = frozenset({State.COMMITTED, State.RESERVED, State.INCOMING, State.IN_TRANSIT})
"""The states in which units wait for something."""


def quiet_since(transaction: Transaction) -> datetime | None:
    """When the transaction last changed. One that was written before that was noted is as quiet as its newest line says;
    None where there is none.
    """
    lines = (line for held in transaction.documents.values() for line in held.document.lines)
    return transaction.changed_at or max((line.at for line in lines), default=None)


def closable(transaction: Transaction, authority: Authority) -> bool:
    """Whether nothing of the transaction is open. What may still be returned does not keep it: nobody knows until when."""
    return bool(transaction.documents) and not _open(settle(transaction, authority))


def _open(settled: Settled) -> bool:
    """Whether units wait for something. Fewer than none are `reserved` where a deal took what another had set aside, or the
    ledger reserved: those do not wait here.
    """
    waiting: Counter[tuple[str, str, str]] = Counter()
    for one, units in settled.items():
        for leg in one.legs(units, ""):
            if leg.state in OPEN:
                waiting[one.sku, leg.location, leg.state] += leg.quantity
    return any(units > 0 or (units and state != State.RESERVED) for (_, _, state), units in waiting.items())


def closing(transaction: Transaction, key: str, now: datetime) -> Claim:
    """The claim that closes the transaction called `key`, if it is still what it is when the claim is taken."""
    return Claim(
        transaction=key,
        channel=HUB,
        topic="closed",
        occurred_at=now,
        documents=(),
        archive=Archive(documents=transaction.documents),
    )


def kept(claim: Claim, closed: Closed, partition: int) -> dict[str, Any]:
    """What a dead letter keeps of late news: the claim, and where in `claims` the record is that closed its transaction."""
    return {
        "claim": json.loads(encode(claim)),
        "closed": {"partition": partition, "offset": closed.offset},
    }


def replayed(payload: Mapping[str, Any], closed_by: Claim) -> tuple[Claim, Claim]:
    """What to tell so that late news is taken: the transaction is reopened, then the claim is told again. `payload` is the
    dead letter's, `closed_by` the claim that it points to. Raises `Undecodable` where that is another one.
    """
    claim = decode(Claim, json.dumps(payload["claim"]).encode())
    if closed_by.archive is None or closed_by.transaction != claim.transaction:
        raise Undecodable(f"the record that closed {claim.transaction} is not where it was")
    reopens = replace(closed_by.archive, reopens=payload["closed"]["offset"])
    return replace(closed_by, topic="reopened", archive=reopens), claim
