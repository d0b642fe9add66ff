"""A run whose photos were seen and captioned by small networks of random weights, and the shards it was trained on."""

from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.captioners import CaptionerSpec
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.posts import read_dataset
from dgf.workflows.caption import caption
from dgf.workflows.config import resolve_config
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from dgf.workflows.train import TrainSettings, train
from support.small_world import TINY, write_posts

THREADS = 1
"""Of the networks; another number gives other last bits."""


@dataclass(frozen=True)
class SeenWorld:
    """Folders of the posts, of the shards of their photos, one a batch, and of the run."""

    posts: Path
    features: Path
    captions: Path
    run: Path


def make_seen_world(root: Path, *, captioned: bool = True, encoder: str = "vgg16") -> SeenWorld:
    """Make the world in a folder, which may be there; captions take half of the time."""
    root.mkdir(exist_ok=True)
    world = SeenWorld(write_posts(root / "posts"), root / "features", root / "captions", root / "run")
    extract_photos(
        ExtractSettings(
            data=world.posts,
            out=world.features,
            detector="torchvision:fasterrcnn_mobilenet_v3_large_320_fpn",
            weights="random",
            vgg_weights="random" if encoder == "vgg16" else None,
            encoder=encoder,
            min_size=32,
            max_size=64,
            top_k=3,
            regions=5,
            batch_size=1,
            threads=THREADS,
            device="cpu",
        )
    )
    data = {"path": str(world.posts), "features": str(world.features)}
    if captioned:
        captioner = CaptionerSpec("oscar", "random", beams=1, length=6)
        workers = WorkerPool("cpu", threads=THREADS)
        caption(read_dataset(world.posts), world.features, captioner, world.captions, workers, batch_size=1)
        data["captions"] = str(world.captions)
    train(TrainSettings(resolve_config("demo", None, [*TINY, "optim.epochs=1"], data), world.run, "cpu"))
    return world
