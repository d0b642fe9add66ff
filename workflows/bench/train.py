"""How fast the network trains, beside the limit: its bare language model, forward and backward on as many positions."""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from dgf.model.backbone import Backbone
from dgf.model.batch import Batch
from dgf.model.checkpoint import build_model
from dgf.model.interface import RelationModel
from dgf.model.labels import LabelSpace
from dgf.workflows.config import resolve_config
from dgf.workflows.data import Captions
from dgf.workflows.devices import autocast, choose_device
from dgf.workflows.training.language_models import open_language_model
from dgf.workflows.training.optimizer import make_optimizer

OBJECTS, OBJECT_DIM, BLOCKS, BLOCK_DIM, TOKENS, CAPTION = 10, 256, 49, 512, 30, 12
"""A typical row: ten objects, 49 blocks, MNRE's sentence of some 25 to 30 tokens, a caption of a dozen."""

BENCH_RELATIONS = ("None", "/per/per/peer", "/per/org/member_of", "/loc/loc/contain", "/org/loc/locate_at")


def bench_train(language_model: str, preset: str, batch_size: int, steps: int, device_name: str) -> dict[str, Any]:
    """Time whole training steps, and as many bare passes of the language model, in turns after a pair of warm-up.

    The result has the rows a second of both sides by the median step, their ratio, and what was measured.
    """
    device = choose_device(device_name)
    config = resolve_config(preset, overrides=[f"language_model={language_model}"])
    loaded = open_language_model(language_model)
    labels = LabelSpace.from_relations(BENCH_RELATIONS)
    model = build_model(config.model, labels, loaded, OBJECT_DIM, (BLOCKS, BLOCK_DIM)).to(device)
    optimizer, _ = make_optimizer(model, config.optim, batch_size * steps)
    batch = _row_batch(model, batch_size).to(device)
    lengths: list[int] = []
    [backbone] = [part for _, part in model.named_modules() if isinstance(part, Backbone)]
    hook = backbone.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    with torch.no_grad():
        model(batch)
    hook.remove()
    inputs = torch.randn(batch_size, max(lengths), loaded.width, device=device, requires_grad=True)
    inside, _ = model.parameter_groups()

    def step() -> None:
        with autocast(device, config.precision):
            total = model.loss(model(batch), batch)["total"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    def bare() -> None:
        with autocast(device, config.precision):
            hidden = loaded.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        hidden.sum().backward()
        loaded.model.zero_grad(set_to_none=True)

    model.train()
    ours, limit = _in_turns(step, bare, steps, device)
    return {
        "bench": "train",
        "language_model": language_model,
        "preset": preset,
        "language_model_trains": bool(inside),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "batch": batch_size,
        "places": max(lengths),
        "rows_per_second": round(batch_size / ours, 2),
        "limit_rows_per_second": round(batch_size / limit, 2),
        "ratio": round(limit / ours, 3),
    }


def _row_batch(model: RelationModel, rows: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    number = torch.arange(rows)
    batch = Batch(
        tokens=torch.randint(0, model.language_model.vocab_size, (rows, TOKENS), generator=generator),
        token_mask=torch.ones(rows, TOKENS, dtype=torch.bool),
        spans=torch.tensor([[2, 4], [8, 9]]).repeat(rows, 1, 1),
        objects=torch.randn(rows, OBJECTS, OBJECT_DIM, generator=generator),
        object_mask=torch.ones(rows, OBJECTS, dtype=torch.bool),
        blocks=torch.randn(rows, BLOCKS, BLOCK_DIM, generator=generator),
        image_mask=torch.ones(rows, dtype=torch.bool),
        relations=number % len(BENCH_RELATIONS),
        type_targets=model.labels.type_targets(number % len(BENCH_RELATIONS)),
        sentences=number,
    )
    words = torch.randint(0, model.language_model.vocab_size, (rows, CAPTION), generator=generator)
    pooled = None if model.captions_change else torch.randn(rows, model.language_model.width, generator=generator)
    captions = Captions(tuple(map(tuple, words.tolist())), pooled)
    return replace(batch, **captions.of(number.numpy()))


def _in_turns(
    ours: Callable[[], None], limit: Callable[[], None], steps: int, device: torch.device
) -> tuple[float, float]:
    """Return the median seconds of each, run in turns so that a busy machine slows both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(steps + 1):
        for run, times in zip((ours, limit), seconds, strict=True):
            started = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - started)
    return median(seconds[0][1:]), median(seconds[1][1:])
