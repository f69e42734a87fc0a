"""The GraphQL documents, for the Admin API 2026-10. A test validates each against Shopify's own schema."""

from __future__ import annotations

ITEMS = """
query Items($first: Int!, $after: String) {
  inventoryItems(first: $first, after: $after) {
    nodes { id legacyResourceId sku tracked variants(first: 25) { nodes { legacyResourceId } } }
    pageInfo { hasNextPage endCursor }
  }
}"""

LOCATIONS = """
query Locations($first: Int!, $after: String) {
  locations(first: $first, after: $after, includeInactive: true) {
    nodes { id legacyResourceId name }
    pageInfo { hasNextPage endCursor }
  }
}"""

LEVELS = """
query Levels($first: Int!, $after: String) {
  inventoryItems(first: $first, after: $after) {
    nodes { id legacyResourceId tracked inventoryLevels(first: 250) { ...Levels } }
    pageInfo { hasNextPage endCursor }
  }
}
fragment Levels on InventoryLevelConnection {
  nodes { updatedAt location { legacyResourceId } quantities(names: ["available"]) { quantity } }
  pageInfo { hasNextPage endCursor }
}"""

MORE_LEVELS = """
query MoreLevels($id: ID!, $after: String) {
  node(id: $id) { ... on InventoryItem { part: inventoryLevels(first: 250, after: $after) { ...Levels } } }
}
fragment Levels on InventoryLevelConnection {
  nodes { updatedAt location { legacyResourceId } quantities(names: ["available"]) { quantity } }
  pageInfo { hasNextPage endCursor }
}"""

AVAILABLE = """
query Available($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) { quantities(names: ["available"]) { quantity } }
    }
  }
}"""

SET_AVAILABLE = """
mutation Push($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}"""

ORDER_LINES = """
fragment Lines on LineItemConnection {
  nodes { id quantity currentQuantity unfulfilledQuantity sku isGiftCard variant { legacyResourceId } }
  pageInfo { hasNextPage endCursor }
}"""

PARCEL_LINES = """
fragment Parcels on FulfillmentLineItemConnection {
  nodes { quantity lineItem { id sku isGiftCard variant { legacyResourceId } } }
  pageInfo { hasNextPage endCursor }
}"""

REFUND_LINES = """
fragment Refunded on RefundLineItemConnection {
  nodes {
    quantity restockType location { legacyResourceId }
    lineItem { id sku isGiftCard variant { legacyResourceId } }
  }
  pageInfo { hasNextPage endCursor }
}"""

ORDERS = f"""
query Orders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{
      id legacyResourceId createdAt processedAt updatedAt cancelledAt test sourceName
      retailLocation {{ legacyResourceId }}
      purchasingEntity {{ __typename }}
      lineItems(first: 100) {{ ...Lines }}
      fulfillments {{
        id legacyResourceId status createdAt updatedAt location {{ legacyResourceId }}
        fulfillmentLineItems(first: 100) {{ ...Parcels }}
      }}
      refunds {{ id legacyResourceId createdAt refundLineItems(first: 100) {{ ...Refunded }} }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}{ORDER_LINES}{PARCEL_LINES}{REFUND_LINES}"""

MORE_LINES = f"""
query MoreLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on Order {{ part: lineItems(first: 250, after: $after) {{ ...Lines }} }} }}
}}{ORDER_LINES}"""

MORE_PARCEL_LINES = f"""
query MoreParcelLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on Fulfillment {{ part: fulfillmentLineItems(first: 250, after: $after) {{ ...Parcels }} }} }}
}}{PARCEL_LINES}"""

MORE_REFUND_LINES = f"""
query MoreRefundLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on Refund {{ part: refundLineItems(first: 250, after: $after) {{ ...Refunded }} }} }}
}}{REFUND_LINES}"""

SUBSCRIPTIONS = """
query Subscriptions($first: Int!, $after: String) {
  webhookSubscriptions(first: $first, after: $after) {
    nodes { topic uri }
    pageInfo { hasNextPage endCursor }
  }
}"""

SUBSCRIBE = """
mutation Subscribe($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id }
    userErrors { field message }
  }
}"""

ALL = (
    *(ITEMS, LOCATIONS, LEVELS, MORE_LEVELS, AVAILABLE, SET_AVAILABLE),
    *(ORDERS, MORE_LINES, MORE_PARCEL_LINES, MORE_REFUND_LINES, SUBSCRIPTIONS, SUBSCRIBE),
)
"""Every document that is ever sent."""
