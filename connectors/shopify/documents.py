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

ROUTED_LINES = """
fragment Routed on FulfillmentOrderLineItemConnection {
  nodes { remainingQuantity lineItem { id sku isGiftCard variant { legacyResourceId } } }
  pageInfo { hasNextPage endCursor }
}"""

ORDER = f"""
fragment Whole on Order {{
  id legacyResourceId createdAt processedAt updatedAt cancelledAt test sourceName tags
  retailLocation {{ legacyResourceId }}
  purchasingEntity {{ __typename }}
  email @include(if: $customers)
  phone @include(if: $customers)
  customer @include(if: $customers) {{
    legacyResourceId firstName lastName defaultEmailAddress {{ emailAddress }} defaultPhoneNumber {{ phoneNumber }}
  }}
  customer @include(if: $groups) {{ tags }}
  shippingAddress @include(if: $customers) {{
    firstName lastName name phone address1 address2 city zip provinceCode countryCodeV2
  }}
  lineItems(first: 100) {{ ...Lines }}
  fulfillments {{
    id legacyResourceId status createdAt updatedAt location {{ legacyResourceId }}
    fulfillmentOrders(first: 1) @include(if: $routing) {{ nodes {{ deliveryMethod {{ methodType }} }} }}
    fulfillmentLineItems(first: 100) {{ ...Parcels }}
  }}
  refunds {{ id legacyResourceId createdAt refundLineItems(first: 100) {{ ...Refunded }} }}
  fulfillmentOrders(first: 10) @include(if: $routing) {{ ...RoutedTo }}
  returns(first: 10) @include(if: $returns) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }}
}}
fragment RoutedTo on FulfillmentOrderConnection {{
  nodes {{
    id status requestStatus createdAt updatedAt assignedLocation {{ location {{ id legacyResourceId }} }}
    lineItems(first: 25) {{ ...Routed }}
  }}
  pageInfo {{ hasNextPage endCursor }}
}}{ORDER_LINES}{PARCEL_LINES}{REFUND_LINES}{ROUTED_LINES}"""

ORDERS = f"""
query Orders(
  $first: Int!, $after: String, $query: String,
  $routing: Boolean!, $returns: Boolean!, $customers: Boolean!, $groups: Boolean!
) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ ...Whole }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}{ORDER}"""

ORDER_AGAIN = f"""
query OrderAgain($id: ID!, $routing: Boolean!, $returns: Boolean!, $customers: Boolean!, $groups: Boolean!) {{
  node(id: $id) {{ ...Whole }}
}}{ORDER}"""

ROUTED_SINCE = """
query RoutedSince($first: Int!, $after: String, $query: String, $reverse: Boolean!) {
  fulfillmentOrders(
    first: $first, after: $after, query: $query, sortKey: UPDATED_AT, reverse: $reverse, includeClosed: true
  ) {
    nodes { id updatedAt orderId }
    pageInfo { hasNextPage endCursor }
  }
}"""

MORE_ROUTED = f"""
query MoreRouted($id: ID!, $after: String) {{
  node(id: $id) {{ ... on Order {{ part: fulfillmentOrders(first: 10, after: $after) {{
    nodes {{
      id status requestStatus createdAt updatedAt assignedLocation {{ location {{ id legacyResourceId }} }}
      lineItems(first: 25) {{ ...Routed }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }} }} }}
}}{ROUTED_LINES}"""

MORE_ROUTED_LINES = f"""
query MoreRoutedLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on FulfillmentOrder {{ part: lineItems(first: 250, after: $after) {{ ...Routed }} }} }}
}}{ROUTED_LINES}"""

MORE_RETURNS = """
query MoreReturns($id: ID!, $after: String) {
  node(id: $id) { ... on Order { part: returns(first: 250, after: $after) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  } } }
}"""

REVERSED_LINES = """
fragment Reversed on ReverseFulfillmentOrderLineItemConnection {
  nodes {
    totalQuantity
    dispositions { type quantity createdAt location { legacyResourceId } }
    fulfillmentLineItem { lineItem { id sku isGiftCard variant { legacyResourceId } } }
  }
  pageInfo { hasNextPage endCursor }
}"""

REVERSE = f"""
query Reverse($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{ ... on Return {{ part: reverseFulfillmentOrders(first: $first, after: $after) {{
    nodes {{ id lineItems(first: 25) {{ ...Reversed }} }}
    pageInfo {{ hasNextPage endCursor }}
  }} }} }}
}}{REVERSED_LINES}"""

MORE_REVERSED_LINES = f"""
query MoreReversedLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on ReverseFulfillmentOrder {{ part: lineItems(first: 250, after: $after) {{ ...Reversed }} }} }}
}}{REVERSED_LINES}"""

TRANSFER_LINES = """
fragment Planned on InventoryTransferLineItemConnection {
  nodes { totalQuantity shippedQuantity inventoryItem { legacyResourceId } }
  pageInfo { hasNextPage endCursor }
}"""

SHIPMENT_LINES = """
fragment Sent on InventoryShipmentLineItemConnection {
  nodes { quantity acceptedQuantity rejectedQuantity inventoryItem { legacyResourceId } }
  pageInfo { hasNextPage endCursor }
}"""

TRANSFER = f"""
fragment Moved on InventoryTransfer {{
  id status dateCreated
  origin {{ location {{ legacyResourceId }} }}
  destination {{ location {{ legacyResourceId }} }}
  lineItems(first: 50) {{ ...Planned }}
  shipments(first: 10) {{
    nodes {{ id status dateShipped dateReceived lineItems(first: 25) {{ ...Sent }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}{TRANSFER_LINES}{SHIPMENT_LINES}"""

TRANSFERS = f"""
query Transfers($first: Int!, $after: String, $query: String) {{
  inventoryTransfers(first: $first, after: $after, query: $query, sortKey: ID) {{
    nodes {{ ...Moved }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}{TRANSFER}"""

TRANSFER_AGAIN = f"""
query TransferAgain($id: ID!) {{ node(id: $id) {{ ...Moved }} }}{TRANSFER}"""

MORE_TRANSFER_LINES = f"""
query MoreTransferLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on InventoryTransfer {{ part: lineItems(first: 250, after: $after) {{ ...Planned }} }} }}
}}{TRANSFER_LINES}"""

MORE_SHIPMENTS = f"""
query MoreShipments($id: ID!, $after: String) {{
  node(id: $id) {{ ... on InventoryTransfer {{ part: shipments(first: 10, after: $after) {{
    nodes {{ id status dateShipped dateReceived lineItems(first: 25) {{ ...Sent }} }}
    pageInfo {{ hasNextPage endCursor }}
  }} }} }}
}}{SHIPMENT_LINES}"""

MORE_SHIPMENT_LINES = f"""
query MoreShipmentLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on InventoryShipment {{ part: lineItems(first: 250, after: $after) {{ ...Sent }} }} }}
}}{SHIPMENT_LINES}"""

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
    *(ORDERS, ORDER_AGAIN, MORE_LINES, MORE_PARCEL_LINES, MORE_REFUND_LINES, SUBSCRIPTIONS, SUBSCRIBE),
    *(ROUTED_SINCE, MORE_ROUTED, MORE_ROUTED_LINES, MORE_RETURNS, REVERSE, MORE_REVERSED_LINES),
    *(TRANSFERS, TRANSFER_AGAIN, MORE_TRANSFER_LINES, MORE_SHIPMENTS, MORE_SHIPMENT_LINES),
)
"""Every document that is ever sent."""
