from __future__ import annotations

import pytest
from graphql import NoDeprecatedCustomRule, parse, specified_rules, validate

from connectors.shopify import documents
from connectors.shopify.mapping import WEBHOOKS
from connectors.shopify.sandbox.api import schema


@pytest.mark.parametrize("document", documents.ALL, ids=lambda text: text.split("(")[0].split()[-1])
def test_given_shopifys_schema_then_every_document_is_valid_and_uses_nothing_deprecated(document):
    assert validate(schema(), parse(document), [*specified_rules, NoDeprecatedCustomRule]) == []


def test_given_the_module_then_no_document_is_missing_from_the_list():
    whole = {
        text
        for text in vars(documents).values()
        if isinstance(text, str) and text.lstrip().startswith(("query", "mutation"))
    }
    assert whole == set(documents.ALL)


def test_given_shopifys_schema_then_every_topic_can_be_subscribed():
    known = schema().type_map["WebhookSubscriptionTopic"].values
    assert {topic.replace("/", "_").upper() for topic in WEBHOOKS} <= known.keys()
