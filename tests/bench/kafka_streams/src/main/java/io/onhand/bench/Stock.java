package io.onhand.bench;

import java.util.LinkedHashMap;
import java.util.Map;

/** The balances of one SKU, by location and state. */
record Stock(String sku, Map<String, Integer> balances) {
  Stock() {
    this(null, new LinkedHashMap<>());
  }

  /** The stock after a movement. Boundary accounts are no shelves. A stock just read belongs to nobody else: it is changed in place. */
  Stock after(String key, Movement movement) {
    for (var leg : movement.legs()) {
      if (leg.location().charAt(0) != '@') {
        balances.merge(leg.location() + "/" + leg.state(), leg.quantity(), Integer::sum);
      }
    }
    return sku == null ? new Stock(key, balances) : this;
  }
}
