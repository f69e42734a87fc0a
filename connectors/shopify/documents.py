"""Every GraphQL document this connector sends. A test validates each against Shopify's own schema."""

from __future__ import annotations

ITEMS = """
query Items($after: String) {
  inventoryItems(first: 250, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id sku tracked }
  }
}
"""

LOCATIONS = """
query Locations($after: String) {
  locations(first: 250, after: $after, includeInactive: true) {
    pageInfo { hasNextPage endCursor }
    nodes { id name }
  }
}
"""

LEVELS = """
query Levels($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) { quantities(names: ["available"]) { quantity } }
    }
  }
}
"""

SET = """
mutation Push($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}
"""

SUBSCRIPTIONS = """
query Subscriptions($after: String) {
  webhookSubscriptions(first: 250, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id topic uri }
  }
}
"""

SUBSCRIBE = """
mutation Subscribe($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
"""

ORDERS = """
query Orders($after: String, $query: String!) {
  orders(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes {
      legacyResourceId createdAt updatedAt cancelledAt sourceName test
      retailLocation { legacyResourceId }
      purchasingEntity { ... on PurchasingCompany { company { id } } }
      lineItems(first: 100) { nodes { id sku quantity unfulfilledQuantity isGiftCard variant { legacyResourceId } } }
      fulfillments(first: 50) {
        legacyResourceId status createdAt updatedAt location { legacyResourceId }
        fulfillmentLineItems(first: 100) { nodes { quantity lineItem { id sku variant { legacyResourceId } } } }
      }
      refunds(first: 50) {
        legacyResourceId createdAt
        refundLineItems(first: 100) {
          nodes { quantity restockType location { legacyResourceId } lineItem { id sku variant { legacyResourceId } } }
        }
      }
    }
  }
}
"""

ALL = {
    "items": ITEMS,
    "locations": LOCATIONS,
    "levels": LEVELS,
    "set": SET,
    "subscriptions": SUBSCRIPTIONS,
    "subscribe": SUBSCRIBE,
    "orders": ORDERS,
}
