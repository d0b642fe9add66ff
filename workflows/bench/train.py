"""How fast the network trains, beside the limit: its bare language model, forward and backward on as many positions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from dgf.model.backbone import Backbone
from dgf.model.batch import Batch
from dgf.model.interface import EncodesCaptions, RelationModel
from dgf.model.labels import LabelSpace
from dgf.model.language_models import LanguageModel
from dgf.model.networks import build_model
from dgf.workflows.bench.turns import in_turns
from dgf.workflows.config import resolve_config
from dgf.workflows.data import Captions
from dgf.workflows.devices import autocast, choose_device, store_frozen
from dgf.workflows.training.language_models import open_language_model
from dgf.workflows.training.optimizer import make_optimizer

OBJECTS, OBJECT_DIM, BLOCKS, BLOCK_DIM, TOKENS, CAPTION = 10, 256, 49, 512, 30, 12
"""A typical row: ten objects, 49 blocks, MNRE's sentence of some 25 to 30 tokens, a caption of a dozen."""

BENCH_RELATIONS = ("None", "/per/per/peer", "/per/org/member_of", "/loc/loc/contain", "/org/loc/locate_at")


#: Operations for which the host of a GPU would wait.
WAITS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::is_nonzero")


@dataclass(frozen=True, slots=True)
class Sides:
    """What is done with a language model: a training step of the network around it, and passes of its own.

    `compute` is the step without the optimizer's part, whose kernel reads a number a weight on CPUs, and none on GPUs;
    `transformers` is the pass `bare` of a second one whose layers are computed as transformers does.
    """

    compute: Callable[[], None]
    step: Callable[[], None]
    bare: Callable[[], None]
    transformers: Callable[[], None]
    trains: bool
    places: int


def bench_train(language_model: str, preset: str, batch_size: int, steps: int, device_name: str) -> dict[str, Any]:
    """Time whole training steps, and as many bare passes of the language model, in turns after one of warm-up each.

    For each precision the result has the rows a second of both sides by the median step and their ratio; the most bytes
    that each side had allocated within a step, beyond what stood before it, and their ratio; how many operations of
    forward, loss and backward a GPU's host would wait for; and speed and memory beside the language model as
    transformers runs it: what is beside the network alone is computed by its own layers, which may be faster.
    """
    device = choose_device(device_name)
    result: dict[str, Any] = {
        "bench": "train",
        "language_model": language_model,
        "preset": preset,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "batch": batch_size,
    }
    for precision in ("float32", "bfloat16"):
        sides = _make_sides(language_model, preset, precision, batch_size, steps, device)
        result |= {"language_model_trains": sides.trains, "places": sides.places}
        ours, limit, stock = in_turns(sides.step, sides.bare, sides.transformers, rounds=steps, device=device)
        peak, _ = _observe(sides.step, device)
        _, waits = _observe(sides.compute, device)
        least, _ = _observe(sides.bare, device)
        stock_peak, _ = _observe(sides.transformers, device)
        result[precision] = {
            "rows_per_second": round(batch_size / ours, 2),
            "limit_rows_per_second": round(batch_size / limit, 2),
            "ratio": round(limit / ours, 3),
            "peak_bytes": peak,
            "limit_peak_bytes": least,
            "peak_ratio": round(peak / least, 3),
            "host_waits": waits,
            "transformers_rows_per_second": round(batch_size / stock, 2),
            "transformers_ratio": round(stock / ours, 3),
            "transformers_peak_ratio": round(peak / stock_peak, 3),
        }
    return result


def _make_sides(
    language_model: str, preset: str, precision: str, batch_size: int, steps: int, device: torch.device
) -> Sides:
    """Build all sides: the same weights in the same types, as many positions."""
    config = resolve_config(preset, overrides=[f"language_model={language_model}", f"precision={precision}"])
    loaded, stock = open_language_model(language_model), open_language_model(language_model)
    labels = LabelSpace.from_relations(BENCH_RELATIONS)
    model = build_model(config.model, labels, loaded, OBJECT_DIM, (BLOCKS, BLOCK_DIM)).to(device)
    inside, *_ = model.parameter_groups()
    other: nn.Module = stock.model
    other.requires_grad_(bool(inside)).to(device).train()
    for language in (loaded, stock):
        store_frozen(language, device, config.precision, config.dtype)
    optimizer, _ = make_optimizer(model, config.optim, batch_size * steps)
    batch = _row_batch(model, batch_size).to(device)
    lengths: list[int] = []
    [backbone] = [part for _, part in model.named_modules() if isinstance(part, Backbone)]
    hook = backbone.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    with torch.no_grad(), autocast(device, precision):
        model(batch)
    hook.remove()
    inputs = torch.randn(batch_size, max(lengths), loaded.width, device=device, requires_grad=True)
    model.train()

    def compute() -> None:
        with autocast(device, precision):
            total = model.loss(model(batch), batch)["total"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()

    def step() -> None:
        compute()
        optimizer.step()

    def read(language: LanguageModel) -> None:
        inputs.grad = None
        with autocast(device, precision):
            hidden = language.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        hidden.sum().backward()
        language.model.zero_grad(set_to_none=True)

    return Sides(compute, step, partial(read, loaded), partial(read, stock), bool(inside), max(lengths))


def _observe(run: Callable[[], None], device: torch.device) -> tuple[int, int]:
    """Run once under the profiler; return the most bytes allocated beyond those before, and how often a host waits."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=device.type != "cuda") as profiler:
        run()
    results = profiler.profiler.kineto_results.events()
    waits = sum(event.name() in WAITS for event in results)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) - before, waits
    changes = sorted((event.start_ns(), event.nbytes()) for event in results if event.name() == "[memory]")
    return max(accumulate(size for _, size in changes)), waits


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
    pool = isinstance(model, EncodesCaptions) and not model.captions_change
    pooled = torch.randn(rows, model.language_model.width, generator=generator) if pool else None
    captions = Captions(tuple(map(tuple, words.tolist())), pooled)
    return batch.having(**captions.of(number.numpy()))
