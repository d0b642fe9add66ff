"""`dgf bench`: each part's speed beside its limit, measured in one process."""

import json
from pathlib import Path
from typing import Any

import click

from dgf.cli import options


@click.group(epilog="Example: dgf bench read --features features")
def command() -> None:
    """Measure a part of dgf beside its limit; prints one line of JSON."""


def _print(facts: dict[str, Any]) -> None:
    click.echo(json.dumps(facts))


@command.command(epilog="Example: dgf bench read --features features")
@click.option("--features", type=click.Path(path_type=Path), help="Feature shards.  [default: noise, made and removed]")
@click.option("--rows", default=4000, show_default=True, type=click.IntRange(100), help="Photos of the noise.")
@click.option("--batch", default=100, show_default=True, type=click.IntRange(1), help="Rows of a batch.")
@click.option("--shards", default=20, show_default=True, type=click.IntRange(1), help="Shards of the noise.")
def read(features: Path | None, rows: int, batch: int, shards: int) -> None:
    """Shuffled batches from shards, beside reading the same bytes in order."""
    from dgf.workflows.bench.read import bench_read

    _print(bench_read(features, rows, batch, shards))


@command.command(epilog="Example: dgf bench extract --photos 32 --device cuda")
@click.option("--photos", default=32, show_default=True, type=click.IntRange(1), help="Synthetic JPEGs of 800x600.")
@click.option("--rounds", default=2, show_default=True, type=click.IntRange(1), help="Of each side.")
@click.option("--detector", help="As for `dgf extract-features`.  [default: R50-FPN of detectron2]")
@click.option("--min-size", type=click.IntRange(32), help="Shorter edge of its input.")
@click.option("--max-size", type=click.IntRange(32), help="Limit of the longer edge.")
@click.option("--batch-size", type=click.IntRange(1), help="Most photos in a batch.")
@click.option("--shard-size", default=16, show_default=True, type=click.IntRange(1), help="Most photos in a shard.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads of the networks.")
@click.option("--one-by-one", default=8, show_default=True, type=click.IntRange(0), help="Photos of the plain loop.")
@options.device
def extract(**given: Any) -> None:
    """Photos to committed shards, beside the networks alone on ready tensors."""
    from dgf.workflows.bench.extract import bench_extract

    _print(bench_extract(**{name: value for name, value in given.items() if value is not None}))


@command.command(epilog="Example: dgf bench caption --photos 4 --beams 5")
@click.option("--photos", default=2, show_default=True, type=click.IntRange(1), help="In the batch.")
@click.option("--beams", default=5, show_default=True, type=click.IntRange(1), help="1 is greedy.")
@options.device
def caption(photos: int, beams: int, device: str) -> None:
    """Oscar with its cache, beside the published way without one."""
    from dgf.workflows.bench.caption import bench_caption

    _print(bench_caption(photos, beams, device))


@command.command(epilog="Example: dgf bench train --language-model random:gpt2 --batch 32")
@click.option("--language-model", default="random:gpt2", show_default=True, help="As for `dgf train`.")
@click.option("--preset", default="paper", show_default=True, help="As for `dgf train`.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Rows of a batch.")
@click.option("--steps", default=5, show_default=True, type=click.IntRange(1), help="Steps of each side.")
@options.device
def train(language_model: str, preset: str, batch: int, steps: int, device: str) -> None:
    """Training steps of the whole network, beside the bare language model on as many positions."""
    from dgf.workflows.bench.train import bench_train

    _print(bench_train(language_model, preset, batch, steps, device))
