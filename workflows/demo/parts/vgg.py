"""Trains the demo's narrow VGG16 on drawn photos: `python -m dgf.workflows.demo.parts.vgg OUT`.

The thirteen layers learn with batch norms, without which so deep a network hardly begins to learn; these are merged
into the convolutions at the end, which leaves torchvision's `vgg16`, only narrower and without a classifier. Two linear
layers, thrown away at the end, say what there is to learn: one reads the kinds and the backdrop of a photo from the
mean of its 49 blocks, the other the kinds at each block from that block.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dgf.pipeline.encoders.vgg import VggEncoder, vgg_layers
from dgf.pipeline.files import write_atomic
from dgf.workflows.demo.painting import BACKDROPS
from dgf.workflows.demo.parts.photos import HELD_OUT, LEAST_VISIBLE, TRAINING, DrawnPhoto, drawn_photos
from dgf.workflows.demo.parts.rebuild import rebuild
from dgf.workflows.demo.world import WORLD_CLASSES, Scene

VGG_WEIGHTS = Path(__file__).with_name("weights") / "vgg" / "model.safetensors"
WIDTHS = (8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 128, 128, 128)
"""An eighth to a quarter of the published network's, widest where it is cheapest."""

PHOTOS = 12_800
_BATCH, _RATE = 16, 3e-3
_SIDE = 7
_PLACES = tuple(BACKDROPS)


@dataclass(frozen=True, slots=True)
class Labels:
    """What B photos show.

    Args:
        kinds: (B, kinds) float, 1 where one of a kind is visible.
        backdrop: (B,) int64.
        at_blocks: (B, 49, kinds) float, 1 where a thing of a kind covers the middle of a block.
    """

    kinds: Tensor
    backdrop: Tensor
    at_blocks: Tensor


def train_vgg(out: Path, say: Callable[[str], None], photos: int = PHOTOS) -> None:
    """Train from scratch and write `model.safetensors` (float16) to a folder.

    Args:
        out: Where to.
        say: Takes lines about the progress.
        photos: To learn from, each seen once.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    features = vgg_layers(WIDTHS, batch_norm=True)
    # The loader normalizes photos with these numbers too.
    extractor = VggEncoder(features, None, "cpu")
    features.train().requires_grad_(True)
    of_photo = nn.Linear(WIDTHS[-1], len(WORLD_CLASSES) + len(_PLACES))
    of_block = nn.Linear(WIDTHS[-1], len(WORLD_CLASSES))
    weights = [*features.parameters(), *of_photo.parameters(), *of_block.parameters()]
    steps = photos // _BATCH
    optimizer = torch.optim.AdamW(weights, lr=_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1)
    drawn, started, sums = drawn_photos(TRAINING), time.perf_counter(), np.zeros(3)
    for step in range(1, steps + 1):
        batch = list(islice(drawn, _BATCH))
        labels = label_scenes([photo.scene for photo in batch])
        blocks = features(extractor.normalize(prepare_photos(batch))).flatten(2).transpose(1, 2)  # (B, 49, C)
        of_photos = of_photo(blocks.mean(1))
        losses = (
            nn.functional.binary_cross_entropy_with_logits(of_photos[:, : len(WORLD_CLASSES)], labels.kinds),
            0.2 * nn.functional.cross_entropy(of_photos[:, len(WORLD_CLASSES) :], labels.backdrop),
            4 * nn.functional.binary_cross_entropy_with_logits(of_block(blocks), labels.at_blocks),
        )
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        schedule.step()
        sums += [float(loss.detach()) for loss in losses]
        if step % 50 == 0 or step == steps:
            means = sums / ((step - 1) % 50 + 1)
            say(
                f"step {step} of {steps}, {time.perf_counter() - started:.0f} s: "
                f"kinds {means[0]:.4f}, backdrop {means[1]:.4f}, blocks {means[2]:.4f}"
            )
            sums[:] = 0
        if step % 200 == 0 or step == steps:
            save_merged(features, out / "model.safetensors")


def prepare_photos(photos: Sequence[DrawnPhoto]) -> Tensor:
    """Resize photos as for the extractor, (B, 224, 224, 3) uint8."""
    return torch.from_numpy(np.stack([VggEncoder.prepare(photo.pixels) for photo in photos]))


def probe_precision(vgg: VggEncoder, learn: int = 400, photos: int = 200) -> float:
    """Measure how well a linear probe of the blocks, their mean and maximum, tells which kinds are visible.

    Args:
        vgg: What gives the blocks.
        learn: Held-out photos that the probe learns from, by ridge regression.
        photos: Further ones that it is measured on.

    Returns:
        Share of the visible kinds that are among the probe's best, as many for a photo as it shows kinds.
    """
    some = [(photo.scene, VggEncoder.prepare(photo.pixels)) for photo in islice(drawn_photos(HELD_OUT), learn + photos)]
    blocks = torch.cat(
        [
            torch.from_numpy(vgg.extract_prepared([pixels for _, pixels in some[start : start + 8]]).blocks)
            for start in range(0, len(some), 8)
        ]
    )  # (P, 49, C)
    seen = torch.cat([blocks.mean(1), blocks.amax(1)], dim=1)  # (P, 2 C)
    mean, deviation = seen[:learn].mean(0), seen[:learn].std(0) + 1e-6
    seen = nn.functional.pad((seen - mean) / deviation, (0, 1), value=1.0)
    kinds = label_scenes([scene for scene, _ in some]).kinds
    ridge = seen[:learn].T @ seen[:learn] + 0.1 * learn * torch.eye(seen.shape[1])
    scores = seen[learn:] @ torch.linalg.solve(ridge, seen[:learn].T @ kinds[:learn])
    best = [row.topk(int(wanted.sum())).indices for row, wanted in zip(scores, kinds[learn:], strict=True)]
    told = sum(float(wanted[guesses].sum()) for guesses, wanted in zip(best, kinds[learn:], strict=True))
    return told / float(kinds[learn:].sum())


def label_scenes(scenes: Sequence[Scene]) -> Labels:
    """Tell what networks are to say of scenes."""
    kinds = torch.zeros(len(scenes), len(WORLD_CLASSES))
    at_blocks = torch.zeros(len(scenes), _SIDE, _SIDE, len(WORLD_CLASSES))
    for index, scene in enumerate(scenes):
        width, height = scene.size
        for thing in scene.things:
            if thing.visible < LEAST_VISIBLE:
                continue
            number = WORLD_CLASSES.index(thing.kind)
            kinds[index, number] = 1
            x0, y0, x1, y1 = thing.box
            left, right = (round(_SIDE * x / width) for x in (x0, x1))  # blocks whose middle is within
            top, bottom = (round(_SIDE * y / height) for y in (y0, y1))
            top, left = min(top, _SIDE - 1), min(left, _SIDE - 1)  # one block at least, wherever a thing is
            at_blocks[index, top : max(bottom, top + 1), left : max(right, left + 1), number] = 1
    backdrop = torch.tensor([_PLACES.index(scene.backdrop) for scene in scenes])
    return Labels(kinds, backdrop, at_blocks.flatten(1, 2))


def save_merged(features: nn.Sequential, path: Path) -> None:
    """Merge the batch norms into the convolutions and write what torchvision's `vgg16` calls them, float16."""
    features.eval()
    state: dict[str, Tensor] = {}
    place = 0  # in torchvision's `vgg16`, which has no norms
    for layer, following in zip(features, [*features[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.Conv2d):
            merged = fuse_conv_bn_eval(layer, following).state_dict()
            state |= {f"features.{place}.{name}": value.half().contiguous() for name, value in merged.items()}
        place += not isinstance(layer, nn.BatchNorm2d)
    features.train()
    write_atomic(path, save(state))


if __name__ == "__main__":
    rebuild("VGG16", lambda out: train_vgg(out, logging.info))
