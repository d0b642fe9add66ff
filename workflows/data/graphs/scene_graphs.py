"""Scene graphs of the photos that posts show: of a file, or else of the boxes in the shards."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from dgf.model.config import Reads
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore, read_seen
from dgf.pipeline.graphs import GraphFile, match_objects, near_objects, read_graphs
from dgf.pipeline.posts import Post
from dgf.workflows.config import DataConfig
from dgf.workflows.data.examples import Ints
from dgf.workflows.data.graphs.alignment import Alignments

_log = logging.getLogger(__name__)


def open_graphs(data: DataConfig, reads: Reads, store: FeatureStore | None) -> GraphFile | None:
    """Read the scene graphs that a configuration names; None where it names none, or the model reads none.

    Raises:
        UserError: They cannot be read, or there are no features whose objects they could join.
    """
    if data.graphs is None:
        return None
    if reads.alignment is None:
        _log.warning("warning: scene graphs were given, and this model reads none (mega does)")
        return None
    if store is None:
        raise UserError(
            f"--graphs {data.graphs} needs --features: scene graphs join the objects in the feature shards",
            "Give both, or leave out --graphs.",
        )
    return read_graphs(Path(data.graphs))


def align_photos(
    store: FeatureStore, graphs: GraphFile | None, shown: Iterable[tuple[Sequence[Post], Ints]]
) -> Alignments:
    """Find which objects are related in each photo that posts show: as the file says, or where none is given by boxes.

    Args:
        store: The feature shards.
        graphs: Of a file; a photo that it lacks has no related objects.
        shown: Posts, and the row of each one's photo in the store, -1 for none.

    Raises:
        UserError: The file has none of the photos.
    """
    ids: dict[int, tuple[str, ...]] = {}
    for posts, rows in shown:
        for post, row in zip(posts, rows.tolist(), strict=True):
            if row >= 0:
                ids.setdefault(row, (store.image_ids[row], *post.image_ids))
    seen = read_seen(store.folder, {names[0] for names in ids.values()})
    objects = {row: seen[names[0]] for row, names in ids.items()}
    if graphs is None:
        return Alignments(store.objects, {row: near_objects(found.boxes, found.size) for row, found in objects.items()})
    known = {row: graph for row, names in ids.items() if (graph := graphs.find(names)) is not None}
    _log.info("%s: scene graphs of %d of the %d photos", graphs.file, len(known), len(ids))
    if ids and not known:
        raise UserError(
            f"{graphs.file}: no scene graph of a photo that posts show, such as {next(iter(ids.values()))[0]}; "
            f"there is one of {next(iter(graphs.graphs))}",
            "Give those of these photos, or leave out --graphs to make them of boxes.",
        )
    edges = {row: match_objects(graph, objects[row].boxes, objects[row].size) for row, graph in known.items()}
    return Alignments(store.objects, {row: edges.get(row, ()) for row in ids})
