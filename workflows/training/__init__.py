"""The loop, its optimizer, and the folder of a run."""
