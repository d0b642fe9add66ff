"""The `dgf` command: parse, call one workflow function, print."""

__all__ = [
    "audit",
    "bench",
    "caption",
    "demo",
    "env",
    "eval",
    "extract_features",
    "inspect",
    "main",
    "options",
    "predict",
    "train",
    "validate",
]
