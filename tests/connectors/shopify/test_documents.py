from __future__ import annotations

import pytest
from graphql import SKIP, NoDeprecatedCustomRule, Visitor, parse, specified_rules, validate, visit

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


class Scoped(Visitor):
    """Which fields of a document need a scope of their own, and which variable leaves each out."""

    NEED = ("fulfillmentOrders", "returns", "customer", "email", "phone", "shippingAddress")

    def __init__(self):
        super().__init__()
        self.found = []

    def enter_field(self, node, *_):
        if node.name.value in self.NEED:
            skips = [directive.arguments[0].value.name.value for directive in node.directives or ()]
            self.found.append((node.name.value, *skips))
            return SKIP  # what is in it is left out with it
        return None


@pytest.mark.parametrize("document", [documents.ORDERS, documents.ORDER_AGAIN])
def test_given_a_token_without_a_scope_then_every_field_that_needs_it_can_be_left_out(document):
    seen = Scoped()
    visit(parse(document), seen)
    asked = {"fulfillmentOrders": "routing", "returns": "returns"}
    expected = {(name, asked.get(name, "customers")) for name in Scoped.NEED}
    assert set(seen.found) == expected | {("customer", "groups")}
