package io.onhand.bench;

import java.util.List;

/** What the fold needs of a movement; the rest is read over. */
record Movement(List<Leg> legs) {
  record Leg(String location, String state, int quantity) {}
}
