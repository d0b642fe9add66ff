"""Scene graphs of photos, and how alike words and objects stand in the graphs of sentence and photo."""

from dgf.workflows.data.graphs.alignment import Alignments
from dgf.workflows.data.graphs.scene_graphs import align_photos, open_graphs

__all__ = ["Alignments", "align_photos", "open_graphs"]
