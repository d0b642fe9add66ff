"""Tokens, segments, positions and masks, against those the published code fed to its network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dgf.pipeline.captioners.oscar.checkpoint import load_tokenizer
from dgf.pipeline.captioners.oscar.inputs import build_context, tag_pieces
from support.oscar_examples import golden_photos, photo, small
from support.stepwise import stepwise_inputs


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Path:
    return shared_dir / "golden" / "oscar"


def test_regions_and_tags_are_cut_and_padded_as_published(golden: Path) -> None:
    context = build_context(golden_photos(golden), load_tokenizer(golden / "oscar_tiny"), 20, torch.device("cpu"))
    with np.load(golden / "oscar_cases.npz") as file:
        assert np.array_equal(context.regions.numpy(), file["img_feats"])
        width = context.tags.shape[1]
        tags = file["infer50/input_ids"][:, 20:]
        assert np.array_equal(context.tags.numpy(), tags[:, :width]) and not tags[:, width:].any()


@pytest.mark.parametrize("step", [1, 2, 3, 19])
def test_every_step_feeds_what_the_published_code_feeds(golden: Path, step: int) -> None:
    context = build_context(golden_photos(golden), load_tokenizer(golden / "oscar_tiny"), 20, torch.device("cpu"))
    with np.load(golden / "oscar_cases.npz") as file:
        names = ("input_ids", "position_ids", "token_type_ids", "attention_mask")
        theirs = dict(zip(names, (file[f"decode_inputs/step{step}/{name}"] for name in names), strict=True))
    history = torch.from_numpy(theirs["input_ids"][:, :step])
    tokens, positions, segments, _, sees = stepwise_inputs(history, context, 4)
    text = tokens.shape[1]
    assert np.array_equal(tokens.numpy(), theirs["input_ids"][:, :text])
    assert np.array_equal(positions.numpy(), theirs["position_ids"][:, :text])
    assert np.array_equal(segments.numpy(), theirs["token_type_ids"][:, :text])
    columns = [*range(text), *range(step + 31, step + 81)]  # theirs pads the tags to 30
    assert np.array_equal(sees.numpy(), theirs["attention_mask"][:, columns][:, :, columns].astype(bool))
    assert theirs["attention_mask"].sum() == sees.sum()


def test_no_tags_no_second_separator_and_at_most_29_pieces() -> None:
    tokenizer = small().tokenizer
    assert tag_pieces((), tokenizer) == []
    assert tokenizer.convert_ids_to_tokens(tag_pieces(("Stop sign", "dog", "dog"), tokenizer)) == [
        "stop",
        "sign",
        "dog",
        "dog",
        "[SEP]",
    ]
    assert len(tag_pieces(("dog",) * 60, tokenizer)) == 30


def test_tags_begin_at_40_unless_the_caption_is_longer() -> None:
    shown = [photo(np.random.default_rng(0), 2, 3)]
    starts = [
        int(build_context(shown, small().tokenizer, length, torch.device("cpu")).positions[0, 0])
        for length in (20, 40, 45)
    ]
    assert starts == [40, 40, 45]
