"""`dgf bench`: each part's speed beside its limit, measured in one process."""

import json
from pathlib import Path
from typing import Any

import click


@click.group()
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
    from dgf.workflows.bench_read import bench_read

    _print(bench_read(features, rows, batch, shards))


@command.command(epilog="Example: dgf bench train --language-model random:gpt2 --batch 32")
@click.option("--language-model", default="random:gpt2", show_default=True, help="As for `dgf train`.")
@click.option("--preset", default="paper", show_default=True, help="As for `dgf train`.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Rows of a batch.")
@click.option("--steps", default=5, show_default=True, type=click.IntRange(1), help="Steps of each side.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def train(language_model: str, preset: str, batch: int, steps: int, device: str) -> None:
    """Training steps of the whole network, beside the bare language model on as many positions."""
    from dgf.workflows.bench_train import bench_train

    _print(bench_train(language_model, preset, batch, steps, device))
