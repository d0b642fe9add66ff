"""Each part's speed beside its limit."""
