"""The loop and what it stands on; modules, since the folder of a run is read without torch."""

__all__ = [
    "checkpoints",
    "curves",
    "digests",
    "language_models",
    "launch",
    "loop",
    "optimizer",
    "processes",
    "run_folder",
    "signals",
    "state",
    "summary",
]
