"""`dgf export`: features for other tools."""

from typing import Any

import click

from dgf.cli.options import examples, options_of
from dgf.workflows.settings import ExportSettings


@click.command(
    epilog=examples("dgf export features --parquet features.parquet", note="Needs pyarrow: pip install 'dgf[parquet]'.")
)
@options_of(ExportSettings)
def export_command(**given: Any) -> None:
    """Write a finished folder of features as a Parquet file, one row a photo."""
    from dgf.workflows.export import export_features

    rows = export_features(ExportSettings(**given))
    click.echo(f"{given['parquet']}: {rows} photos")
