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
    "fix_posts",
    "inspect_shards",
    "predict",
    "scoring",
    "settings",
    "sweep",
    "train",
    "training",
    "validate",
]
