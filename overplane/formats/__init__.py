"""How days and times are written, by language: one way each, and the zone with every time."""
