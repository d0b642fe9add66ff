"""What a user does; the only place where pipeline and model meet."""

__all__ = [
    "audit",
    "bench",
    "caption",
    "compare",
    "config",
    "data",
    "demo",
    "devices",
    "environment",
    "evaluate",
    "extract",
    "inspect_shards",
    "predict",
    "reproduce",
    "scoring",
    "settings",
    "sweep",
    "train",
    "training",
    "validation",
]
