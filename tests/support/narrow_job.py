"""Extraction with small real networks, so that a whole run takes a part of a second."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from dgf.pipeline.encoders.vgg import vgg_layers
from dgf.pipeline.files import file_digest
from dgf.workflows.settings import ExtractSettings
from support.posts_of import DETECTOR


def narrow_settings(data: Path, out: Path, scratch: Path) -> ExtractSettings:
    """Two shards or three of nine photos, by a narrow detectron2 and a VGG16 of a few channels."""
    weights = scratch / "vgg.safetensors"
    if not weights.exists():
        torch.manual_seed(0)
        layers = vgg_layers((2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6))
        save_file({f"features.{name}": value for name, value in layers.state_dict().items()}, weights)
    return ExtractSettings(
        data,
        out,
        detector=DETECTOR,
        weights="random",
        vgg_weights=str(weights),
        top_k=3,
        regions=8,
        device="cpu",
        shard_size=4,
        threads=1,
    )


def shard_digests(out: Path) -> dict[str, str]:
    """What identifies each shard and the vouching for it: digests of the file and of the marker without its times."""
    found = {path.name: file_digest(path) for path in out.glob("shard-*.h5")}
    for path in out.glob("shard-*.json"):
        marker = json.loads(path.read_text())
        found[path.name] = marker["sha256"] + json.dumps(marker["stats"]["failures"])
    return found
