"""Files of scene graphs, of either kind, and the graph of a photo in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import canonical_digest, file_digest
from dgf.pipeline.graphs.base import SceneGraph
from dgf.pipeline.graphs.benchmark import INFO, read_benchmark
from dgf.pipeline.graphs.lines import read_graph_lines

_LAST_PARTS = 4
"""Of a file's path, by which its photo is known."""


@dataclass(frozen=True, slots=True)
class GraphFile:
    """Scene graphs by the names that photos may have.

    Args:
        file: Where they were read.
        sha256: Of what was read.
        graphs: By image id, or the path of the photo's file.
        endings: The names among those by each of their last parts; None where several end so.
    """

    file: str
    sha256: str
    graphs: dict[str, SceneGraph]
    endings: dict[str, str | None]

    @property
    def named(self) -> dict[str, str]:
        """Which file this is."""
        return {"file": self.file, "sha256": self.sha256}

    def find(self, image_ids: Iterable[str]) -> SceneGraph | None:
        """Return the graph of the photo that has one of these ids, tried in order; None where there is none.

        A graph is of a photo if its name is the id, or the one name that ends with it.
        """
        for image_id in image_ids:
            name = image_id if image_id in self.graphs else self.endings.get(image_id)
            if name is not None:
                return self.graphs[name]
        return None


def read_graphs(path: Path) -> GraphFile:
    """Read scene graphs: JSON lines, or what Scene-Graph-Benchmark wrote.

    Raises:
        UserError: A file cannot be read, or something in it is not of the form; the first ten faults are named.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder", "Name the file of scene graphs in it.")
    of_benchmark = path.with_name(INFO).is_file() and path.suffix == ".json"
    graphs = read_benchmark(path) if of_benchmark else read_graph_lines(path)
    endings: dict[str, str | None] = {}
    for name in graphs:
        parts = PurePosixPath(name).parts
        for count in range(1, min(len(parts), _LAST_PARTS + 1)):
            ending = "/".join(parts[-count:])
            endings[ending] = None if ending in endings else name
    return GraphFile(str(path), digest_of_graphs(path), graphs, endings)


def digest_of_graphs(path: Path) -> str:
    """Return the SHA-256 of a file of scene graphs; with the file that names its photos, of both digests.

    Raises:
        UserError: It cannot be read.
    """
    info = path.with_name(INFO)
    try:
        if info.is_file() and path.suffix == ".json":
            return canonical_digest([file_digest(path), file_digest(info)])
        return file_digest(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}", "Check the path.") from None
