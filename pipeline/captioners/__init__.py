"""Captioners: one protocol, one builder, a file a kind."""
