"""The limit that captioning is measured against."""

import pytest
import torch
from torch import Tensor

from dgf.pipeline.captioners.oscar import Cached, CaptionContext, Oscar, Words, build_context, decode_captions
from dgf.workflows.bench.caption import LENGTH, bench_caption, run_bare_passes
from support.oscar_examples import ragged, small


@pytest.mark.parametrize("beams", [1, 4])
def test_the_limit_runs_the_rows_that_captions_run(beams: int) -> None:
    checkpoint = small()
    context = build_context(ragged(3), checkpoint.tokenizer, LENGTH, torch.device("cpu"))
    seen: list[tuple[torch.Size, torch.Size]] = []

    def look(layer: torch.nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((given[0].shape, given[1].shape))

    def decode(model: Oscar, context: CaptionContext, beams: int) -> None:
        never = Words(2, 0, ())
        decode_captions(Cached(model, context, LENGTH, beams, checkpoint.tokenizer.mask_token_id), never, LENGTH, beams)

    for layer in checkpoint.model.layers:
        layer.register_forward_hook(look)
    both = []
    for run in (decode, run_bare_passes):
        with torch.inference_mode():
            run(checkpoint.model, context, beams)
        both.append(list(seen))
        seen.clear()
    assert both[0] == both[1] and len(both[0]) == 1 + 2 * (LENGTH - 1)


@pytest.mark.slow
def test_both_sides_are_given_with_their_ratio() -> None:
    facts = bench_caption(1, 2, "cpu")
    assert facts["ratio"] == pytest.approx(
        facts["cached_photos_per_second"] / facts["limit_photos_per_second"], abs=0.01
    )
