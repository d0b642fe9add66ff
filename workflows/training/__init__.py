"""The loop, its optimizer, and the folder of a run; modules, since the folder of a run is read without torch."""

__all__ = ["loop", "optimizer", "run_folder"]
