"""The vendor's own examples of documents, each as the claim or the refusal that it is. Read by hand against the examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.contract import ChannelSettings
from connectors.errors import Refused
from connectors.lightspeed_x import connector
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from schemas.claims import Claim, Observation

SAMPLES = json.loads((Path(__file__).parent / "samples" / "api_2_0.json").read_text())
SECRETS = {"access_token": SecretStr("token"), "client_secret": SecretStr("secret")}
SETTINGS: ChannelSettings = connector.settings(platform="lightspeed_x", domain_prefix="demo")

SAID = {
    "sale 1 of a list": [("sold", 1), ("sold", 1)],
    "sale 2 of a list": [("sold", 1), ("sold", 1), ("sold", 1)],
    "a single sale": [("sold", 1), ("sold", 1)],
    "a return that was begun": "a parked sale has not moved its goods",
    "a received supplier order": "products is missing: only a poll brings the products of a consignment",
    "the same with its products": [("expected", 20), ("received", 10), ("supply_cancelled", 10)],
    "a received transfer with the products of another": [("transfer_received", 10), ("transfer_short", 10)],
    "a scheduled count": "STOCKTAKE STOCKTAKE_SCHEDULED moves nothing",
    "level 1 of a list": 0,
    "level 2 of a list": 0,
    "level 3 of a list": -10,
    "level 1 of a product": 21,
    "level 2 of a product": 42,
    "level 3 of a product": 19,
    "a product": "unknown topic product.update",
    "a customer": "unknown topic customer.update",
}


def said(claim: Claim | Observation) -> object:
    """What it comes to: a level, the facts of its lines, or why there are none."""
    if isinstance(claim, Observation):
        return claim.level
    (document,) = claim.documents
    if document.lines:
        assert not document.skipped
        return [(line.fact, line.quantity) for line in document.lines]
    (nothing,) = document.skipped
    return nothing.reason


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_given_an_example_of_the_vendor_then_it_is_a_claim_or_a_refusal_with_its_reason(sample):
    double = LightspeedXSandbox(
        domain_prefix="demo", access_token="token", client_secret="secret", outlets=()
    )
    body, headers = double.signed(sample["topic"], sample["body"])
    (payload,) = connector.receive(SETTINGS, SECRETS, headers, body, sample["topic"])
    try:
        found = said(connector.read("tills", payload))
    except Refused as refusal:
        found = str(refusal)
    assert found == SAID[sample["name"]]


def test_given_the_examples_then_each_is_expected_and_none_names_a_person():
    assert SAID.keys() == {sample["name"] for sample in SAMPLES}
    assert "Stark" not in json.dumps(SAMPLES)
