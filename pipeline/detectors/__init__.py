"""Object detectors: one protocol, one builder, a file a kind."""
