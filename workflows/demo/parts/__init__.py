"""Trained parts of the demo, each with what made it."""

__all__ = ["captioner", "language_model"]
