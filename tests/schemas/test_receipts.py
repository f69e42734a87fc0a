from __future__ import annotations

import json

from schemas.codec import decode, encode
from schemas.publish import EXAMPLES
from schemas.receipts import Outcome, Receipt


def test_given_every_outcome_then_an_example_of_it_is_kept():
    kept = {json.loads(path.read_bytes())["outcome"] for path in EXAMPLES.glob("receipt.v1.*.json")}
    assert kept == set(Outcome)


def test_given_a_receipt_without_reference_or_detail_then_they_are_left_out():
    (path,) = EXAMPLES.glob("receipt.v1.unchanged.json")
    written = json.loads(encode(decode(Receipt, path.read_bytes())))
    assert not {"ref", "detail"} & written.keys()
