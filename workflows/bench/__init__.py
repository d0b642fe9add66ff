"""Each part's speed beside its limit."""

__all__ = ["caption", "extract", "predict", "read", "serve", "train"]
