"""The API as programs see it that are generated from its description."""
