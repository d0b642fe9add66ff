"""A folder of features as a file for other tools (`dgf export`)."""

import importlib.util

from dgf.pipeline.errors import UserError
from dgf.pipeline.progress import photo_bar
from dgf.pipeline.shards import ShardFolder
from dgf.workflows.settings import ExportSettings


def export_features(settings: ExportSettings) -> int:
    """Write a finished folder of features to the file that was asked for.

    Returns:
        The number of its rows, one a photo that has features.

    Raises:
        UserError: The library for such files is not installed, or the folder or the file does not serve.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError("--parquet needs pyarrow, which is not installed.", "Install it: pip install 'dgf[parquet]'.")
    from dgf.pipeline.features.parquet import write_parquet  # an extra brings what it imports

    folder = ShardFolder.open(settings.features, "features")
    markers = folder.finished()
    with photo_bar("export", sum(marker.stats.rows for marker in markers)) as bar:
        return write_parquet(folder, markers, settings.parquet, bar.update)
