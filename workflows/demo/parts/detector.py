"""Trains the demo's Faster R-CNN on drawn photos: `python -m dgf.workflows.demo.parts.detector OUT`.

The network is detectron2's own, of `weights/detector/config.yaml`; only the loop is here. Beside what a Faster R-CNN
learns, a linear layer learns to read a jersey's or a crest's club from the features of its region, as bottom-up
attention learned attributes: what models read later should tell one club from another. The layer is thrown away.
"""

import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from dgf.pipeline.detectors import DetectorSpec, InputSize
from dgf.pipeline.detectors.detectron2_config import detectron2_input_size, read_detectron2_config
from dgf.pipeline.files import write_atomic
from dgf.workflows.demo.painting import CLUB_COLORS
from dgf.workflows.demo.parts.photos import LEAST_VISIBLE, TRAINING, DrawnPhoto, batches_of_one_shape, drawn_photos
from dgf.workflows.demo.parts.rebuild import rebuild
from dgf.workflows.demo.world import WORLD_CLASSES, Thing

DETECTOR_FOLDER = Path(__file__).with_name("weights") / "detector"
STEPS, BATCH = 1800, 8

_RATE, _WARM_UP = 2e-3, 150
_CLUBS = 0.3  # weight of the loss on clubs
_SAVE_EVERY = 200


def train_detector(out: Path, say: Callable[[str], None], steps: int = STEPS, batch: int = BATCH) -> None:
    """Train the network from scratch and write `config.yaml` and `model.safetensors` (float16) to a folder.

    Args:
        out: Where to; the weights so far are replaced there now and then.
        say: Takes lines about the progress.
        steps: Of the optimizer.
        batch: Photos in each.
    """
    out.mkdir(parents=True, exist_ok=True)
    if out.resolve() != DETECTOR_FOLDER:
        shutil.copy(DETECTOR_FOLDER / "config.yaml", out)
    torch.manual_seed(0)
    network, size = build_for_training(out / "config.yaml")
    clubs = nn.Linear(network.roi_heads.res5[-1].out_channels, len(CLUB_COLORS))
    weights = [*network.parameters(), *clubs.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=steps, pct_start=min(0.3, _WARM_UP / steps), anneal_strategy="cos"
    )
    sums: dict[str, float] = defaultdict(float)
    started = time.perf_counter()
    for step, photos in zip(range(1, steps + 1), batches_of_one_shape(drawn_photos(TRAINING), batch), strict=False):
        losses = _losses(network, clubs, [to_input(photo, size) for photo in photos])
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        schedule.step()
        for name, loss in losses.items():
            sums[name] += loss.item()
        if step % 50 == 0 or step == steps:
            means = ", ".join(
                f"{name.removeprefix('loss_')} {value / ((step - 1) % 50 + 1):.3f}" for name, value in sums.items()
            )
            say(f"step {step} of {steps}, {time.perf_counter() - started:.0f} s: {means}")
            sums.clear()
        if step % _SAVE_EVERY == 0 or step == steps:
            state = {name: value.half().contiguous() for name, value in network.state_dict().items()}
            kept = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
            write_atomic(out / "model.safetensors", save(kept))


def build_for_training(config_file: Path) -> tuple[Any, InputSize]:
    """Build the network of a configuration, whose norms are frozen, with norms that learn."""
    config = read_detectron2_config(DetectorSpec(f"detectron2:{config_file}"))
    from detectron2.modeling import build_model

    config.MODEL.RESNETS.NORM = "BN"
    return build_model(config).train(), detectron2_input_size(config)


def to_input(photo: DrawnPhoto, size: InputSize) -> dict[str, Any]:
    """Resize a photo as the detector does; with its things, as detectron2 wants them."""
    from detectron2.structures import Boxes, Instances

    height, width = photo.pixels.shape[:2]
    new_height, new_width = size.resized(height, width)
    resized = Image.fromarray(photo.pixels).resize((new_width, new_height), Image.Resampling.BILINEAR)
    things = [thing for thing in photo.scene.things if thing.visible >= LEAST_VISIBLE]
    scale = torch.tensor([new_width / width, new_height / height] * 2)
    found = Instances((new_height, new_width))
    found.gt_boxes = Boxes(torch.tensor([thing.box for thing in things]).view(-1, 4) * scale)
    found.gt_classes = torch.tensor([WORLD_CLASSES.index(thing.kind) for thing in things], dtype=torch.int64)
    found.gt_clubs = torch.tensor([club_of(thing) for thing in things], dtype=torch.int64)
    return {"image": torch.from_numpy(np.array(resized)).permute(2, 0, 1), "instances": found}


def club_of(thing: Thing) -> int:
    """Return the number of the club whose colors a thing shows, -1 for none."""
    colors = {"player": thing.colors[2:], "crest": thing.colors}.get(thing.kind)
    return -1 if colors is None else CLUB_COLORS.index(colors)


def _losses(network: Any, clubs: nn.Module, inputs: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Compute what detectron2's network computes in training, and the loss on clubs from the same regions."""
    from detectron2.utils.events import EventStorage

    with EventStorage():
        images = network.preprocess_image(inputs)
        targets = [photo["instances"] for photo in inputs]
        maps = network.backbone(images.tensor)
        losses: dict[str, Tensor]
        proposals, losses = network.proposal_generator(images, maps, targets)
        heads = network.roi_heads
        regions = heads.label_and_sample_proposals(proposals, targets)
        boxes = [found.proposal_boxes for found in regions]
        features = heads._shared_roi_transform([maps[name] for name in heads.in_features], boxes).mean((2, 3))  # (P, D)
        losses |= heads.box_predictor.losses(heads.box_predictor(features), regions)
    foreground = torch.cat([found.gt_classes for found in regions]) < heads.num_classes
    wanted = torch.cat([found.gt_clubs for found in regions]).where(foreground, -1)
    if (shown := wanted >= 0).any():
        losses["clubs"] = _CLUBS * nn.functional.cross_entropy(clubs(features[shown]), wanted[shown])
    return losses


if __name__ == "__main__":
    rebuild("Faster R-CNN", lambda out: train_detector(out, logging.info))
