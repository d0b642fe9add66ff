"""`dgf bench`: each part's speed beside its limit, measured in one process."""

import json
import os
from typing import Any

import click

from dgf.cli.options import options_of
from dgf.workflows.settings import (
    BenchCaptionSettings,
    BenchExtractSettings,
    BenchPredictSettings,
    BenchReadSettings,
    BenchServeSettings,
    BenchTrainSettings,
)


@click.group(epilog="Example: dgf bench read --features features")
def bench_command() -> None:
    """Measure a part of dgf beside its limit; prints one line of JSON."""


@bench_command.command("read", epilog="Example: dgf bench read --features features")
@options_of(BenchReadSettings)
def bench_read_command(**given: Any) -> None:
    """Shuffled batches from shards, beside reading the same bytes in order."""
    from dgf.workflows.bench.read import bench_read

    click.echo(json.dumps(bench_read(**given)))


@bench_command.command("extract", epilog="Example: dgf bench extract --photos 32 --device cuda")
@options_of(BenchExtractSettings)
def bench_extract_command(**given: Any) -> None:
    """Photos to committed shards, beside the networks alone on ready tensors."""
    from dgf.workflows.bench.extract import bench_extract

    click.echo(json.dumps(bench_extract(**given)))


@bench_command.command("caption", epilog="Example: dgf bench caption --photos 4 --beams 5")
@options_of(BenchCaptionSettings)
def bench_caption_command(photos: int, beams: int, device: str) -> None:
    """Oscar with its cache, beside bare passes of its network."""
    from dgf.workflows.bench.caption import bench_caption

    click.echo(json.dumps(bench_caption(photos, beams, device)))


@bench_command.command("train", epilog="Example: dgf bench train --language-model random:gpt2 --batch 32")
@options_of(BenchTrainSettings)
def bench_train_command(language_model: str, preset: str, batch: int, steps: int, device: str) -> None:
    """Training steps of the whole network, beside the bare language model on as many positions."""
    # torch's profiler tells of itself on stderr unless these say otherwise before torch is imported
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from dgf.workflows.bench.train import bench_train

    click.echo(json.dumps(bench_train(language_model, preset, batch, steps, device)))


@bench_command.command("predict", epilog="Example: dgf bench predict runs/paper posts.jsonl --device cuda")
@options_of(BenchPredictSettings)
def bench_predict_command(**given: Any) -> None:
    """A stream of posts without photos from a file to a file, beside the network alone on its batches."""
    from dgf.workflows.bench.predict import bench_predict

    given |= {"device_name": given.pop("device")}
    click.echo(json.dumps(bench_predict(**given)))


@bench_command.command("serve", epilog="Example: dgf bench serve runs/paper --clients 200 --seconds 120")
@options_of(BenchServeSettings)
def bench_serve_command(**given: Any) -> None:
    """Many clients at a served run: answers lost or swapped, their speed, and the server's memory."""
    from dgf.workflows.bench.serve import bench_serve

    click.echo(json.dumps(bench_serve(**given)))
