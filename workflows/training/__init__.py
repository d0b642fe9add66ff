"""The loop, its optimizer, and the folder of a run; modules, since the folder of a run is read without torch."""

__all__ = ["language_models", "loop", "optimizer", "run_folder"]
