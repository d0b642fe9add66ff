"""Scene graphs: read from files that users have, or made of the boxes of detected objects."""

from dgf.pipeline.graphs.base import Edge, Edges, SceneGraph, boxes_field, scores_field
from dgf.pipeline.graphs.edges import SAME, match_objects, near_objects, overlap_of_boxes
from dgf.pipeline.graphs.reader import GraphFile, digest_of_graphs, read_graphs

__all__ = [
    "SAME",
    "Edge",
    "Edges",
    "GraphFile",
    "SceneGraph",
    "boxes_field",
    "digest_of_graphs",
    "match_objects",
    "near_objects",
    "overlap_of_boxes",
    "read_graphs",
    "scores_field",
]
